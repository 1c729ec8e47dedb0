/** Says yes at most once in `everyMs` for each key: a fault of every record must not fill the log. */
export class Seldom {
  readonly #everyMs: number
  readonly #monotonic: () => number
  readonly #saidMs = new Map<string, number>()

  constructor(everyMs: number, monotonic: () => number) {
    this.#everyMs = everyMs
    this.#monotonic = monotonic
  }

  now(key: string): boolean {
    const now = this.#monotonic()
    const saidMs = this.#saidMs.get(key)
    if (saidMs !== undefined && now - saidMs < this.#everyMs) return false
    if (this.#saidMs.size >= maxKeys) this.#saidMs.clear()
    this.#saidMs.set(key, now)
    return true
  }
}

const maxKeys = 1_000
