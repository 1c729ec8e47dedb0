import type { Clock } from '../../../core/lib/clock.ts'
import { Lru } from '../../../core/lib/lru.ts'

const windowMs = 60_000
const freePerWindow = 20
const delayMs = 1000
const maxAddresses = 10_000

/** Who tries keys is slowed down: beyond 20 failures a minute from one address each is answered after a second. */
export class FailedAttempts {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #addresses = new Lru<string, { count: number; sinceMs: number }>(maxAddresses)

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Counts one; tells how long its answer has to wait, in milliseconds. */
  add(address: string): number {
    const nowMs = this.#clock.monotonic()
    const seen = this.#addresses.get(address)
    if (seen === undefined || nowMs - seen.sinceMs >= windowMs) {
      this.#addresses.set(address, { count: 1, sinceMs: nowMs })
      return 0
    }
    seen.count++
    return seen.count > freePerWindow ? delayMs : 0
  }
}
