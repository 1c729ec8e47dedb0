import type { Clock } from '../lib/clock.ts'

/** Timers of Node end early beyond 24 days; keys that are due later are looked at in between. */
const longestTimerMs = 3_600_000

/** Keys that are due later. One timer, for the first of them. */
export class DelayedKeys {
  readonly #clock: Clock
  readonly #due: (key: string) => void
  readonly #readyMs = new Map<string, number>()
  #timer = new AbortController()
  #timerEndsMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, due: (key: string) => void) {
    this.#clock = clock
    this.#due = due
  }

  get size(): number {
    return this.#readyMs.size
  }

  /** Of several delays of one key the first to end counts. */
  add(key: string, ms: number): void {
    const readyMs = this.#clock.monotonic() + ms
    if (readyMs >= (this.#readyMs.get(key) ?? Number.POSITIVE_INFINITY)) return
    this.#readyMs.set(key, readyMs)
    if (readyMs < this.#timerEndsMs) this.#timer.abort()
  }

  /** Until the signal aborts. What is due after that waits for the next run. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#timer.abort()
    signal.addEventListener('abort', stop, { once: true })
    while (!signal.aborted) {
      this.#timer = new AbortController()
      this.#timerEndsMs = this.#firstMs()
      await this.#wait(this.#timer.signal)
      if (!signal.aborted) this.#release()
    }
    signal.removeEventListener('abort', stop)
  }

  #firstMs(): number {
    let firstMs = Number.POSITIVE_INFINITY
    for (const readyMs of this.#readyMs.values()) firstMs = Math.min(firstMs, readyMs)
    return firstMs
  }

  /** Until the first key is due, one is added that is due before it, or all is over. */
  async #wait(changed: AbortSignal): Promise<void> {
    const ms = this.#timerEndsMs - this.#clock.monotonic()
    if (ms === Number.POSITIVE_INFINITY) {
      await new Promise(resolve => changed.addEventListener('abort', resolve, { once: true }))
    } else if (ms > 0) {
      // Rejects only on abort, which ends this wait as its end does.
      await this.#clock.sleep(Math.min(ms, longestTimerMs), changed).catch(() => {})
    }
  }

  #release(): void {
    const nowMs = this.#clock.monotonic()
    for (const [key, readyMs] of this.#readyMs) {
      if (readyMs > nowMs) continue
      this.#readyMs.delete(key)
      this.#due(key)
    }
  }
}
