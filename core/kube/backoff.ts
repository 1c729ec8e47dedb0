import type { Clock } from '../lib/clock.ts'

const firstMs = 800
const limitMs = 15_000
const forgetAfterMs = 120_000

/**
 * How long to wait before an API server is tried again: client-go's reflector, which starts at 0.8 s, doubles, adds
 * up to as much again by chance so that clients drift apart, and starts anew after two minutes without a failure.
 * Its limit is 30 s before the chance is added; ours is 30 s with it, so that a server that is back is seen in that time.
 */
export class Backoff {
  readonly #clock: Clock
  readonly #random: () => number
  #nextMs = firstMs
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  /** Call it once for each failure. */
  nextMs(): number {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#lastMs > forgetAfterMs) this.#nextMs = firstMs
    const ms = this.#nextMs * (1 + this.#random())
    this.#nextMs = Math.min(this.#nextMs * 2, limitMs)
    this.#lastMs = nowMs + ms
    return ms
  }
}
