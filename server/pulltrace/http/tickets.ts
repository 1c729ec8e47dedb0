import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

export const ticketLifeMs = 60_000

/**
 * Single-use tickets for EventSource, which cannot send a header. Only hashes are
 * kept, so neither a dump nor the time of a lookup tells a ticket. At most `max` are alive.
 */
export class Tickets {
  readonly #clock: Clock
  readonly #max: number
  /** Hash -> end of life (monotonic ms). Insertion order is the order of expiry. */
  readonly #endsAtMs = new Map<string, number>()

  constructor(clock: Clock, max = 10_000) {
    this.#clock = clock
    this.#max = max
  }

  issue(): { readonly ticket: string; readonly expiresAtMs: number } {
    this.#forgetExpired()
    if (this.#endsAtMs.size >= this.#max) {
      throw new PulltraceError(Code.Exhausted, `${this.#max} tickets are waiting to be used`, {
        bound: `at most ${this.#max} tickets`,
        retryAfterSeconds: ticketLifeMs / 1000,
      })
    }
    const ticket = randomBytes(24).toString('base64url')
    this.#endsAtMs.set(hashOf(ticket), this.#clock.monotonic() + ticketLifeMs)
    return { ticket, expiresAtMs: this.#clock.now() + ticketLifeMs }
  }

  /** True once for each ticket, within its life. */
  redeem(ticket: string): boolean {
    this.#forgetExpired()
    return this.#endsAtMs.delete(hashOf(ticket))
  }

  #forgetExpired(): void {
    const now = this.#clock.monotonic()
    for (const [hash, endsAtMs] of this.#endsAtMs) {
      if (endsAtMs > now) break
      this.#endsAtMs.delete(hash)
    }
  }
}

const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest('base64url')
