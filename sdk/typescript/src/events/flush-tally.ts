import type { Logger } from '../logger.ts'
import type { FlushResult } from '../outcome.ts'
import type { Verdict } from './judge-answer.ts'

/** Adds up what becomes of the events of one flush. */
export class FlushTally {
  requeued = 0
  /** For want of room in the buffer. */
  dropped = 0
  error: string | undefined
  /** The last chunk was refused for its size. */
  refused = false
  /** What is left waits for the next flush. */
  stopped = false
  tooLarge = 0
  #sent = 0
  #accepted = 0
  #duplicates = 0
  readonly #rejected = new Map<string, number>()

  add(sent: number, { accepted, duplicates, rejected, again }: Verdict): void {
    this.#sent += sent - again.length
    this.#accepted += accepted
    this.#duplicates += duplicates
    for (const [code, count] of rejected) this.#rejected.set(code, (this.#rejected.get(code) ?? 0) + count)
  }

  /** One event that no server takes. */
  dropLarge(): void {
    this.tooLarge++
    this.error ??= 'the server refused an event for its size'
  }

  /** One warning for each thing that went wrong, whatever the number of events. */
  report(log: Logger): void {
    if (this.#rejected.size > 0) log.warn('the server rejected events', Object.fromEntries(this.#rejected))
    if (this.tooLarge > 0) log.warn('events dropped, too large for the server', { events: this.tooLarge })
    if (this.dropped > 0) log.warn('events dropped, no room left in the buffer', { events: this.dropped })
    if (this.requeued > 0)
      log.warn('events not sent, kept for the next flush', { events: this.requeued, error: this.error })
  }

  result(): FlushResult {
    return {
      sent: this.#sent,
      accepted: this.#accepted,
      duplicates: this.#duplicates,
      rejected: [...this.#rejected.values()].reduce((sum, count) => sum + count, 0),
      requeued: this.requeued,
      dropped: this.dropped + this.tooLarge,
      error: this.error,
    }
  }
}
