import type { Clock } from '../lib/clock.ts'

const firstMs = 5
const defaultLongestMs = 1_000_000
const perSecond = 10
const burst = 100

/**
 * How long a failed key waits: client-go's default for controllers. The longer of two: doubled from 5 ms for each
 * failure of this key, and a bucket of 100 that fills by 10 a second, for all keys together.
 */
export class RateLimiter {
  readonly #clock: Clock
  readonly #longestMs: number
  readonly #failures = new Map<string, number>()
  /** Negative: promised to those who wait. */
  #tokens = burst
  #filledMs: number

  constructor(clock: Clock, longestMs = defaultLongestMs) {
    this.#clock = clock
    this.#longestMs = longestMs
    this.#filledMs = clock.monotonic()
  }

  waitMs(key: string): number {
    const failures = this.failures(key)
    this.#failures.set(key, failures + 1)
    return Math.max(Math.min(firstMs * 2 ** failures, this.#longestMs), this.#bucketMs())
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  #bucketMs(): number {
    const nowMs = this.#clock.monotonic()
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * perSecond) - 1
    this.#filledMs = nowMs
    return this.#tokens >= 0 ? 0 : (-this.#tokens / perSecond) * 1000
  }
}
