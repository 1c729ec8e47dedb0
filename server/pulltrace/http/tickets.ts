import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { ReaderGrant } from './auth.ts'

export const ticketLifeMs = 60_000

interface Issued {
  /** Of who asked for it: what they may read. */
  readonly grant: ReaderGrant
  /** Monotonic ms. */
  readonly endsAtMs: number
}

/**
 * Single-use tickets for EventSource, which cannot send a header. Only hashes are
 * kept, so neither a dump nor the time of a lookup tells a ticket. At most `max` are alive.
 */
export class Tickets {
  readonly #clock: Clock
  readonly #max: number
  /** By hash. Insertion order is the order of expiry. */
  readonly #issued = new Map<string, Issued>()

  constructor(clock: Clock, max = 10_000) {
    this.#clock = clock
    this.#max = max
  }

  issue(grant: ReaderGrant): { readonly ticket: string; readonly expiresAtMs: number } {
    this.#forgetExpired()
    if (this.#issued.size >= this.#max) {
      throw new PulltraceError(Code.Exhausted, `${this.#max} tickets are waiting to be used`, {
        bound: `at most ${this.#max} tickets`,
        retryAfterSeconds: ticketLifeMs / 1000,
      })
    }
    const ticket = randomBytes(24).toString('base64url')
    this.#issued.set(hashOf(ticket), { grant, endsAtMs: this.#clock.monotonic() + ticketLifeMs })
    return { ticket, expiresAtMs: this.#clock.now() + ticketLifeMs }
  }

  /** Once for each ticket, within its life. */
  redeem(ticket: string): ReaderGrant | undefined {
    this.#forgetExpired()
    const hash = hashOf(ticket)
    const issued = this.#issued.get(hash)
    this.#issued.delete(hash)
    return issued?.grant
  }

  #forgetExpired(): void {
    const now = this.#clock.monotonic()
    for (const [hash, { endsAtMs }] of this.#issued) {
      if (endsAtMs > now) break
      this.#issued.delete(hash)
    }
  }
}

const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest('base64url')
