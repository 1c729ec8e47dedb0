/**
 * What a condition finds of a value, as bits so that those of many elements can be gathered by `|`: it holds, it does
 * not, there is no value, or the value does not convert.
 */
export const holds = 1
export const differs = 2
export const missing = 4
export const unconvertible = 8
export type Finding = number

export const valueClasses = ['nullish', 'bool', 'number', 'string', 'compound'] as const
export type ValueClass = (typeof valueClasses)[number]

/** NaN counts as no value: data frames mark absent numbers with it. What JSON leaves out (functions, symbols) too. */
export function classOf(value: unknown): ValueClass {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return Number.isNaN(value) ? 'nullish' : 'number'
    case 'bigint':
      return 'number'
    case 'boolean':
      return 'bool'
    case 'object':
      return value === null ? 'nullish' : 'compound'
    default:
      return 'nullish'
  }
}

/** A value of the language as the value of JSON that rules speak of: a Date is its RFC 3339 text. */
export function plainOf(value: unknown): unknown {
  return typeof value === 'object' && value instanceof Date ? textOfDate(value) : value
}

/** UTC, with the shortest exact fraction: `2026-01-31T08:00:00Z`, `2026-01-31T08:00:00.12Z`. */
function textOfDate(date: Date): string | undefined {
  if (Number.isNaN(date.getTime())) return undefined
  return date.toISOString().replace(/\.?0*Z$/, 'Z')
}

/** The elements that an index or a wildcard reads: of an array or a Set; undefined for everything else. */
export function elementsOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  return value instanceof Set ? [...value] : undefined
}

// Called so because V8 inlines it; it does not inline Object.hasOwn (seen with Node 24), which costs twice as much here.
const isOwn = Object.prototype.hasOwnProperty

/** A field of an object, own ones only. Lists and bytes have none, whatever the key. */
export function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  const field = (value as Record<string, unknown>)[key]
  if (field === undefined || !isOwn.call(value, key)) return undefined
  return Array.isArray(value) || ArrayBuffer.isView(value) ? undefined : field
}
