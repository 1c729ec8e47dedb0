import type { Clock } from '../../core/lib/clock.ts'
import type { EventsStore } from '../store/events-store.ts'

/** How far back matches are counted: the same for readers in every zone, and what their link to the events shows. */
export const matchesSpan = '24h'
const spanMs = 24 * 3_600_000
const freshMs = 5000
/** A page waits no longer for what it only mentions. */
const waitMs = 1000
/** Shown while they are counted anew; older ones would say something else than the events behind their link. */
const shownMs = 60_000

export interface RuleMatchesParts {
  readonly events: Pick<EventsStore, 'countByRule'>
  readonly clock: Clock
}

/** How often each rule matched in the last 24 hours, counted at most every 5 s, whoever asks. */
export class RuleMatches {
  readonly #events: Pick<EventsStore, 'countByRule'>
  readonly #clock: Clock
  #counts: ReadonlyMap<string, number> | undefined
  #countedAtMs = Number.NEGATIVE_INFINITY
  #counting: Promise<void> | undefined

  constructor({ events, clock }: RuleMatchesParts) {
    this.#events = events
    this.#clock = clock
  }

  /**
   * By rule id; a rule without any has no entry. Within a second: what was counted last, or undefined when that failed
   * or is more than a minute ago.
   */
  async counts(): Promise<ReadonlyMap<string, number> | undefined> {
    if (this.#clock.monotonic() - this.#countedAtMs < freshMs) return this.#counts
    this.#counting ??= this.#count().finally(() => {
      this.#counting = undefined
    })
    const counted = new AbortController()
    const waited = this.#clock.sleep(waitMs, counted.signal).catch(() => {})
    await Promise.race([this.#counting, waited])
    counted.abort()
    return this.#clock.monotonic() - this.#countedAtMs <= shownMs ? this.#counts : undefined
  }

  async #count(): Promise<void> {
    try {
      this.#counts = await this.#events.countByRule(this.#clock.now() - spanMs)
    } catch {
      // Too many to count, or a database that is away, which the page says of its rules too.
      this.#counts = undefined
    }
    this.#countedAtMs = this.#clock.monotonic()
  }
}
