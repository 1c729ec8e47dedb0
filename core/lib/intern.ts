/** Strings remembered; at 256 characters each about 8 MiB. */
const maxEntries = 20_000
const maxLength = 256

let known = new Map<string, string>()

/**
 * One copy of a text that many reports bring: a thousand nodes that pull one image then share its digests in memory,
 * and comparing with them stays in the processor's cache. Bounded: when full it starts again, and copies come back.
 */
export function interned(text: string): string {
  const first = known.get(text)
  if (first !== undefined || text.length > maxLength) return first ?? text
  if (known.size === maxEntries) known = new Map()
  known.set(text, text)
  return text
}
