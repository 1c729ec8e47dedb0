import stringWidth from 'string-width'
import { cut } from '../watch/image-name.ts'
import { pad } from '../watch/layout.ts'

export interface Column<T> {
  readonly title: string
  /** The cell in at most `width` columns; it is also asked with a very large one, for its natural width. */
  readonly text: (row: T, width: number) => string
  readonly right?: boolean
  /** Columns it needs at least when the table is too wide; absent: it never shrinks. */
  readonly shrinksTo?: number
  /** The higher, the later it is left out; absent: never. */
  readonly keep?: number
}

const gap = 2

/** Aligned lines of at most `width` columns, a title first. Leaves columns out before it cuts what must be read. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[], width: number): string[] {
  const natural = (column: Column<T>) =>
    rows.reduce(
      (most, row) => Math.max(most, stringWidth(column.text(row, Number.MAX_SAFE_INTEGER))),
      stringWidth(column.title),
    )
  let shown = columns.map(column => ({ column, natural: natural(column) }))
  const least = ({ column, natural }: (typeof shown)[number]) => Math.min(natural, column.shrinksTo ?? natural)
  const sum = (of: (cell: (typeof shown)[number]) => number) =>
    shown.reduce((total, cell) => total + of(cell), gap * (shown.length - 1))
  while (sum(least) > width) {
    const droppable = shown.filter(({ column }) => column.keep !== undefined)
    if (droppable.length === 0) break
    const first = droppable.reduce((a, b) => (b.column.keep! < a.column.keep! ? b : a))
    shown = shown.filter(cell => cell !== first)
  }
  let spare = Math.max(0, width - sum(least))
  const cells = shown.map(cell => {
    const grown = Math.min(cell.natural, least(cell) + spare)
    spare -= grown - least(cell)
    return { column: cell.column, width: grown }
  })
  const line = (texts: readonly string[]) => {
    const padded = texts.map((text, index) => {
      const { column, width } = cells[index]!
      return column.right ? ' '.repeat(Math.max(0, width - stringWidth(text))) + text : pad(text, width)
    })
    const joined = padded.join(' '.repeat(gap)).trimEnd()
    return stringWidth(joined) > width ? cut(joined, width) : joined
  }
  return [
    line(cells.map(({ column, width }) => cut(column.title, width))),
    ...rows.map(row => line(cells.map(({ column, width }) => cut(column.text(row, width), width)))),
  ]
}
