import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

/** Wrong tokens that one address may send within the window. */
export const maxFailures = 10
export const windowMs = 15 * 60_000
/** From more addresses than this at once nobody may try: someone has a great many of them. */
const maxAddresses = 10_000

/** Slows down who tries tokens. */
export class Attempts {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By address; the window begins with the first failure, so the first to end is the first here. */
  readonly #failures = new Map<string, { count: number; readonly endsAtMs: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Throws when this address has failed too often. */
  check(address: string): void {
    const now = this.#clock.monotonic()
    for (const [known, { endsAtMs }] of this.#failures) {
      if (endsAtMs > now) break
      this.#failures.delete(known)
    }
    const failures = this.#failures.get(address)
    if ((failures?.count ?? 0) < maxFailures && (failures || this.#failures.size < maxAddresses)) return
    const endsAtMs = failures?.endsAtMs ?? this.#failures.values().next().value!.endsAtMs
    throw new PulltraceError(Code.Exhausted, 'too many wrong tokens came from your address', {
      bound: `at most ${maxFailures} within ${windowMs / 60_000} minutes`,
      fix: 'wait, then try again with the right one',
      retryAfterSeconds: (endsAtMs - now) / 1000,
    })
  }

  failed(address: string): void {
    const failures = this.#failures.get(address)
    if (failures !== undefined) failures.count++
    else this.#failures.set(address, { count: 1, endsAtMs: this.#clock.monotonic() + windowMs })
  }
}
