import type { Clock } from '../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'

/**
 * An API server that has just started refuses for a moment what its roles allow, since it has not read them yet. So
 * long a refusal of what was allowed before means "try again". Milliseconds.
 */
const refusalCountsAfterMs = 30_000

/** Tells a refusal that lasts from one that an API server takes back. */
export class Trials {
  readonly #clock: Clock
  #everSucceeded = false
  #refusedAtMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  succeeded(): void {
    this.#everSucceeded = true
    this.#refusedAtMs = undefined
  }

  /** The same fault, or one that says that trying again can help. */
  failed(fault: PulltraceError): PulltraceError {
    if (!this.#everSucceeded) return fault
    if (fault.code !== Code.PermissionDenied && fault.code !== Code.Unauthenticated) return fault
    const nowMs = this.#clock.monotonic()
    this.#refusedAtMs ??= nowMs
    if (nowMs - this.#refusedAtMs >= refusalCountsAfterMs) return fault
    return new PulltraceError(Code.Unavailable, fault.message, { ...fault.details, cause: fault })
  }
}
