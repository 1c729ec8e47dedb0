/**
 * Values as conditions see them, written from the specification alone: their classes, and how one converts to another.
 * Slow and plain on purpose: it is what the real evaluator is compared with.
 */
export type ValueClass = 'NULLISH' | 'BOOL' | 'NUMBER' | 'STRING' | 'COMPOUND'

export function classOf(value: unknown): ValueClass {
  if (value === null || value === undefined || Number.isNaN(value)) return 'NULLISH'
  if (typeof value === 'boolean') return 'BOOL'
  if (typeof value === 'number' || typeof value === 'bigint') return 'NUMBER'
  if (typeof value === 'string') return 'STRING'
  return 'COMPOUND'
}

/** What a conversion gives when there is none. */
export const failed = Symbol('failed')
export type Failed = typeof failed

const writtenNumber = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/
const writtenInteger = /^[+-]?[0-9]+$/

export function numberOf(value: unknown): number | bigint | Failed {
  const kind = classOf(value)
  if (kind === 'NUMBER') return value as number | bigint
  if (kind === 'STRING') return parsedNumber(value as string)
  return failed
}

function parsedNumber(text: string): number | bigint | Failed {
  const rest = text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '')
  if (rest.length > 256 || !writtenNumber.test(rest)) return failed
  if (writtenInteger.test(rest)) return rest.startsWith('-') ? -BigInt(rest.slice(1)) : BigInt(rest.replace('+', ''))
  const double = Number(rest)
  return Number.isFinite(double) ? double : failed
}

export function textOf(value: unknown): string | Failed {
  const kind = classOf(value)
  return kind === 'BOOL' || kind === 'NUMBER' || kind === 'STRING' ? String(value) : failed
}

export function booleanOf(value: unknown): boolean | Failed {
  return classOf(value) === 'BOOL' ? (value as boolean) : failed
}

/** -1, 0 or 1, exact between any mix of doubles and integers of any size. */
export function compareNumbers(left: number | bigint, right: number | bigint): -1 | 0 | 1 {
  if (left < right) return -1
  return left > right ? 1 : 0
}

export const codePointsOf = (text: string): readonly string[] => Array.from(text)
