import { type Emission, Frame } from './emission.ts'
import type { PullFilter } from './filter.ts'
import type { Stream } from './stream.ts'

/** What the streams did since the start; only rises. */
export interface StreamCounters {
  /** Calls of a socket's write. */
  writes: number
  /** Events written, counted for each client. */
  events: number
  bytes: number
  resets: number
  /** Clients that were disconnected because they were too slow. */
  slow: number
}

export interface GroupParts {
  readonly filter: PullFilter
  readonly layers: boolean
  /** Kept bytes that may wait for a client before it is disconnected. */
  readonly maxDebtBytes: number
  /** While a client catches up, bytes are handed to its socket in pieces of about this size. */
  readonly pieceBytes: number
  readonly counters: StreamCounters
  readonly monotonic: () => number
  /** Called once for each client that has gone; `left` clients are still here. */
  readonly removed: (stream: Stream, left: number) => void
}

/** Clients with equal filters: they share the bytes of each batch. */
export class StreamGroup {
  readonly filter: PullFilter
  /** The frame bit of this group. */
  readonly layers: number
  readonly pieceBytes: number
  readonly counters: StreamCounters
  readonly monotonic: () => number
  readonly #maxDebtBytes: number
  readonly #removed: (stream: Stream, left: number) => void
  readonly #following = new Set<Stream>()
  readonly #lagging = new Set<Stream>()
  #keptBytes = 0

  constructor({ filter, layers, maxDebtBytes, pieceBytes, counters, monotonic, removed }: GroupParts) {
    this.filter = filter
    this.layers = layers ? Frame.layers : 0
    this.pieceBytes = pieceBytes
    this.counters = counters
    this.monotonic = monotonic
    this.#maxDebtBytes = maxDebtBytes
    this.#removed = removed
  }

  /** Bytes of all starts and ends that this group has been told of; what a client owes is a difference of two of these. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  deliver(batch: readonly Emission[]): void {
    const frames: Buffer[] = []
    for (const emission of batch) {
      const frame = emission.frameFor(this.filter)
      if (frame === undefined) continue
      const bytes = emission.bytes(frame | this.layers)
      frames.push(bytes)
      if (emission.kept) this.#keptBytes += bytes.length
    }
    if (frames.length === 0) return
    this.#dropIndebted()
    if (this.#following.size === 0) return
    const bytes = frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    for (const stream of this.#following) stream.deliver(bytes, frames.length)
  }

  follow(stream: Stream): void {
    this.#lagging.delete(stream)
    this.#following.add(stream)
  }

  lag(stream: Stream): void {
    this.#following.delete(stream)
    this.#lagging.add(stream)
  }

  remove(stream: Stream): void {
    const removed = this.#following.delete(stream) || this.#lagging.delete(stream)
    if (removed) this.#removed(stream, this.#following.size + this.#lagging.size)
  }

  /** Disconnects the slow; they resume by their id. */
  drop(stream: Stream): void {
    this.counters.slow++
    stream.destroy()
  }

  #dropIndebted(): void {
    for (const stream of this.#lagging) if (stream.debtBytes > this.#maxDebtBytes) this.drop(stream)
  }
}
