/** The value as JSON, cut at 80 characters: a fault must not echo a megabyte back. */
export function seenOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  const json = JSON.stringify(value) ?? String(value)
  return json.length <= 80 ? json : `${json.slice(0, 80)}… (${json.length} characters)`
}
