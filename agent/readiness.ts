import type { Clock } from '../core/lib/clock.ts'

/** A look takes a moment of its own, and a busy node a few: with a short interval it would seem away. */
const leastMs = 15_000

/** Ready means: containerd answered within the last three intervals, or 15 s if that is longer. */
export class Readiness {
  readonly #clock: Clock
  #lookedMs: number | undefined
  #intervalMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  looked(intervalMs: number): void {
    this.#lookedMs = this.#clock.monotonic()
    this.#intervalMs = intervalMs
  }

  /** Why not, or undefined. */
  reason(): string | undefined {
    if (this.#lookedMs === undefined) return 'not ready: containerd has not answered yet'
    const ageMs = this.#clock.monotonic() - this.#lookedMs
    if (ageMs <= Math.max(3 * this.#intervalMs, leastMs)) return undefined
    return `not ready: containerd last answered ${Math.round(ageMs / 1000)} s ago`
  }
}
