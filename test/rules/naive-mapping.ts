/**
 * A record as JSON would see it: times as RFC 3339 text with the shortest exact fraction, sets as arrays. Bytes stay as
 * they are.
 */
export function mapped(value: unknown): unknown {
  if (value instanceof Date) {
    const [seconds, fraction] = value.toISOString().slice(0, -1).split('.')
    const digits = fraction!.replace(/0+$/, '')
    return digits === '' ? `${seconds}Z` : `${seconds}.${digits}Z`
  }
  if (value instanceof Set) return [...value].map(mapped)
  if (Array.isArray(value)) return value.map(mapped)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, mapped(field)]))
}
