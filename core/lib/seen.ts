/** The value as JSON, cut at 80 characters: a fault must not echo a megabyte back. */
export function seenOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  // JSON has no NaN and no bigint: both are said as JavaScript prints them.
  const json = typeof value === 'number' || typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  const text = json ?? String(value)
  return text.length <= 80 ? text : `${text.slice(0, 80)}… (${text.length} characters)`
}
