/** So many at once, and then one in a while. */
export class Budget {
  readonly #burst: number
  readonly #everyMs: number
  #left: number
  #sinceMs: number

  constructor({ burst, everyMs }: { readonly burst: number; readonly everyMs: number }, nowMs: number) {
    this.#burst = burst
    this.#everyMs = everyMs
    this.#left = burst
    this.#sinceMs = nowMs
  }

  take(nowMs: number): boolean {
    const earned = Math.floor((nowMs - this.#sinceMs) / this.#everyMs)
    if (earned > 0) {
      this.#left = Math.min(this.#burst, this.#left + earned)
      this.#sinceMs += earned * this.#everyMs
    }
    if (this.#left === 0) return false
    this.#left--
    return true
  }
}
