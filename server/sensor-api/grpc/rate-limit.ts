import type { Clock } from '../../../core/lib/clock.ts'
import { Lru } from '../../../core/lib/lru.ts'

export interface RateLimitOptions {
  /** 0: no limit. */
  readonly perSecond: number
  /** Calls that may come at once after a pause. */
  readonly burst: number
  readonly clock: Pick<Clock, 'monotonic'>
}

/** Keys that are remembered; one that was forgotten starts with a full bucket. */
const maxKeys = 10_000

/** A token bucket for each key. */
export class RateLimit {
  readonly #options: RateLimitOptions
  readonly #buckets = new Lru<string, { tokens: number; atMs: number }>(maxKeys)

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** 0: taken. Else nothing was, and so many seconds later there is one again. */
  take(key: string): number {
    const { perSecond, burst, clock } = this.#options
    if (perSecond === 0) return 0
    const nowMs = clock.monotonic()
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { tokens: burst, atMs: nowMs }
      this.#buckets.set(key, bucket)
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond)
    bucket.atMs = nowMs
    if (bucket.tokens < 1) return (1 - bucket.tokens) / perSecond
    bucket.tokens -= 1
    return 0
  }
}
