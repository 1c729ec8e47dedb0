import type { PullEvent, PullEventType } from '../../../core/contract/pull-event.ts'
import { layerCountOf } from '../../../core/pulls/layers.ts'
import { type PullState, pullOf } from '../../../core/pulls/pull.ts'
import type { AttributeHistory } from './attribute-history.ts'
import { formatEventId } from './event-id.ts'
import { matches, type PullAttributes, type PullFilter } from './filter.ts'

/**
 * How an event is written for a client; bits that add up. `layers`: with the layers.
 * `left`: the pull no longer matches. `state`: as `pull.progress` without an id.
 */
export const Frame = { plain: 0, layers: 1, left: 2, state: 4 } as const

/** By which start of the server an event is told, and when: epoch ms of the server. One for all that are told together. */
export interface Stamp {
  readonly epoch: string
  readonly atMs: number
}

/** Why a pull is gone without an end of its own. */
export type Gone =
  /** Another pull has taken its place, and the event that says so. Who sees that one needs no word of this one. */
  | { readonly replacedBy: Emission }
  /** A rule: no reader may see it any more, whatever its filter. */
  | { readonly dropped: true }

export interface EmissionParts {
  readonly stamp: Stamp
  readonly seq: number
  readonly type: PullEventType
  readonly pull: PullState
  /** Shared by all events of the pull. */
  readonly history: AttributeHistory
  /** What filters saw of the pull before this event; undefined when there was nothing. */
  readonly before: PullAttributes | undefined
  /** Must reach every client: a start, an end, or a correction of an end. Progress is conflated. */
  readonly kept: boolean
  readonly gone?: Gone | undefined
}

/** One event with its number. Its bytes are made once for each way of writing it, when the first client needs them. */
export class Emission implements EmissionParts {
  readonly stamp: Stamp
  readonly seq: number
  readonly type: PullEventType
  readonly pull: PullState
  readonly history: AttributeHistory
  readonly before: PullAttributes | undefined
  readonly kept: boolean
  readonly gone: Gone | undefined
  /** Told how many bytes a new way of writing it has added. */
  onGrow: ((bytes: number) => void) | undefined
  /** None until a client needs one: most progress of a cluster that nobody watches never does. */
  #frames: (Buffer | undefined)[] | undefined

  constructor(parts: EmissionParts) {
    this.stamp = parts.stamp
    this.seq = parts.seq
    this.type = parts.type
    this.pull = parts.pull
    this.history = parts.history
    this.before = parts.before
    this.kept = parts.kept
    this.gone = parts.gone
  }

  get dropped(): boolean {
    return this.gone !== undefined && 'dropped' in this.gone
  }

  matches(filter: PullFilter): boolean {
    return this.gone === undefined && matches(filter, this.pull)
  }

  /** How a client that holds the pull, and whose filter does not let it through any more, is told so; or not at all. */
  leaveFor(filter: PullFilter): number | undefined {
    if (this.gone === undefined || 'dropped' in this.gone) return Frame.left
    const { replacedBy } = this.gone
    return !replacedBy.history.dropped && replacedBy.matches(filter) ? undefined : Frame.left
  }

  /** How a client that has everything before this event gets it; undefined: not at all. */
  frameFor(filter: PullFilter): number | undefined {
    if (this.matches(filter)) return Frame.plain
    return this.before !== undefined && matches(filter, this.before) ? this.leaveFor(filter) : undefined
  }

  bytes(frame: number): Buffer {
    const made = this.#frames?.[frame]
    if (made !== undefined) return made
    const bytes = this.#encode(frame)
    this.#frames ??= []
    this.#frames[frame] = bytes
    this.onGrow?.(bytes.length)
    return bytes
  }

  /** An estimate of the memory it holds: the state, and the bytes made from it so far. */
  get heldBytes(): number {
    const { imageRef, error, pods, layers } = this.pull
    const state = 1500 + 2 * (imageRef.length + (error?.length ?? 0)) + pods.length * 250 + layerCountOf(layers) * 50
    return this.#frames?.reduce((sum, frame) => sum + (frame?.length ?? 0), state) ?? state
  }

  #encode(frame: number): Buffer {
    const state = (frame & Frame.state) !== 0
    const { epoch, atMs } = this.stamp
    const event: PullEvent = {
      schemaVersion: 'v1',
      timestamp: new Date(atMs).toISOString(),
      type: state ? 'pull.progress' : this.type,
      nodeName: this.pull.nodeName,
      pull: pullOf(this.pull, { layers: (frame & Frame.layers) !== 0 }),
      ...((frame & Frame.left) !== 0 && { left: true as const }),
    }
    const id = state ? '' : `id: ${formatEventId(epoch, this.seq)}\n`
    // JSON has no raw line break, so that one `data:` line is enough.
    return Buffer.from(`${id}data: ${JSON.stringify(event)}\n\n`)
  }
}
