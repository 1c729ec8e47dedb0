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

/**
 * Of values that are the same, one for as long as somebody holds it: what comes out of it must never be changed. `key` is
 * what the same have in common; of those that share it and differ, the newest is kept.
 */
export class Interned<T extends object> {
  readonly #isSame: (one: T, other: T) => boolean
  readonly #known = new Map<string, WeakRef<T>>()
  readonly #gone = new FinalizationRegistry<string>(key => {
    if (this.#known.get(key)?.deref() === undefined) this.#known.delete(key)
  })

  constructor(isSame: (one: T, other: T) => boolean) {
    this.#isSame = isSame
  }

  of(key: string, value: T): T {
    const known = this.#known.get(key)?.deref()
    if (known !== undefined && this.#isSame(known, value)) return known
    this.#known.set(key, new WeakRef(value))
    this.#gone.register(value, key)
    return value
  }
}
