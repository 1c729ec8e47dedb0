import { type Emission, Frame } from './emission.ts'
import type { PullFilter } from './filter.ts'

/** An event as one client gets it. */
export interface Delivery {
  readonly emission: Emission
  readonly frame: number
  /** A client that has this delivery, and all before it, may go on from this number. */
  readonly seq: number
}

/**
 * What a client that stopped at `since` has missed of one pull. `events` are its
 * starts, ends and newest progress after `since`, oldest first.
 *
 * Invariant, whatever delivery the client stops at next: when the pull does not match
 * at the client's number, the client does not hold it. So a leave between two events,
 * of which no event is left, is told right after the earlier one, without an id.
 */
export function missedOf(events: readonly Emission[], since: number, filter: PullFilter): Delivery[] {
  const missed: Delivery[] = []
  const newest = events.at(-1)
  if (newest === undefined) return missed
  const { history } = newest
  let held = history.matchedAt(since, filter)
  let seq = since
  for (const emission of events) {
    if (held && history.leftBetween(seq, emission.seq, filter)) {
      missed.push({ emission: newest, frame: Frame.left | Frame.state, seq })
      held = false
    }
    const matching = emission.matches(filter)
    if (matching) missed.push({ emission, frame: Frame.plain, seq: emission.seq })
    else if (held) missed.push({ emission, frame: Frame.left, seq: emission.seq })
    held = matching
    seq = emission.seq
  }
  return missed
}
