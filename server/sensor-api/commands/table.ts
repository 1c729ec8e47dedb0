import stringWidth from 'string-width'
import { harmless } from '../../../core/lib/harmless.ts'

/** Columns as wide as their widest cell, a title first; cells are text from outside. */
export function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, ...rows.map(row => row.map(harmless))]
  const widths = titles.map((_, column) => Math.max(...lines.map(line => stringWidth(line[column]!))))
  const padded = (cell: string, column: number) => cell + ' '.repeat(widths[column]! - stringWidth(cell))
  return lines.map(line => `${line.map(padded).join('  ').trimEnd()}\n`).join('')
}

/** To the second. */
export const timeOf = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
