/** Runs work on one key in the order it came, one at a time; different keys do not wait for each other. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Nothing of this key is running or waiting: work may be done at once, without a promise. */
  idle(key: string): boolean {
    return !this.#tails.has(key)
  }

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const result = before === undefined ? work() : before.then(work, work)
    const tail = result
      .catch(() => {})
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key)
      })
    this.#tails.set(key, tail)
    return result
  }

  /** Resolves when all that was queued before the call is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values())
  }
}
