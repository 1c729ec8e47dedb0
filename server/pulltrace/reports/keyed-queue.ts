/** Runs work on one key in the order it came, one at a time; different keys do not wait for each other. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Nothing of this key is running or waiting: work may be done at once, without a promise. */
  idle(key: string): boolean {
    return !this.#tails.has(key)
  }

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const started = before === undefined ? work() : before.then(work, work)
    const result: Promise<T> = started.finally(() => {
      if (this.#tails.get(key) === result) this.#tails.delete(key)
    })
    this.#tails.set(key, result)
    return result
  }

  /** Resolves when all that was queued before the call is done. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#tails.values())
  }
}
