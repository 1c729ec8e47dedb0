import { type Emission, Frame } from './emission.ts'
import { formatEventId } from './event-id.ts'
import type { PullFilter } from './filter.ts'

/** An event as one client gets it. */
export interface Delivery {
  readonly emission: Emission
  readonly frame: number
  /** Its id. A client that has this delivery, and all before it, may go on from this number. */
  readonly seq: number
}

/**
 * What a client that stopped at `since` has missed of one pull. `events` are its
 * starts, ends and newest progress after `since`, oldest first.
 *
 * Invariant, wherever the client stops next: when the history says that the pull did
 * not match at its number, the client does not hold it. So a leave between two of
 * the events is told under the number it happened at, which no other event has.
 */
export function missedOf(events: readonly Emission[], since: number, filter: PullFilter): Delivery[] {
  const missed: Delivery[] = []
  const newest = events.at(-1)
  if (newest === undefined) return missed
  const { history } = newest
  let held = history.matchedAt(since, filter)
  // What came before is no longer anybody's to see; who holds the pull is told to forget it.
  if (newest.dropped) return held ? [droppedOf(newest, since, filter)] : []
  let seq = since
  for (const emission of events) {
    const leave = held ? history.firstLeave(seq, emission.seq, filter) : undefined
    if (leave !== undefined) {
      missed.push({ emission: newest, frame: Frame.left | Frame.state, seq: leave })
      held = false
    }
    const matching = emission.matches(filter)
    const frame = matching ? Frame.plain : held ? emission.leaveFor(filter) : undefined
    if (frame !== undefined) missed.push({ emission, frame, seq: emission.seq })
    held = matching
    seq = emission.seq
  }
  return missed
}

/** Under the number at which it left the filter, when it had done so before it was dropped. */
function droppedOf(newest: Emission, since: number, filter: PullFilter): Delivery {
  const leave = newest.history.firstLeave(since, newest.seq, filter)
  if (leave === undefined) return { emission: newest, frame: Frame.left, seq: newest.seq }
  return { emission: newest, frame: Frame.left | Frame.state, seq: leave }
}

export function deliveryBytes({ emission, frame, seq }: Delivery, layers: number): Buffer {
  const bytes = emission.bytes(frame | layers)
  if ((frame & Frame.state) === 0) return bytes
  return Buffer.concat([Buffer.from(`id: ${formatEventId(emission.stamp.epoch, seq)}\n`), bytes])
}
