import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { partialStateId } from './event-id.ts'
import { filterKey, type PullFilter } from './filter.ts'
import type { EventHub } from './hub.ts'
import { Stream } from './stream.ts'
import { type StreamCounters, StreamGroup } from './stream-group.ts'
import type { SinkListener, StreamSink } from './stream-sink.ts'

/** A comment goes to each client this often, so that no proxy takes a quiet stream for a dead one. Seconds. */
const commentSeconds = 15
const comment = Buffer.from(':\n\n')

export interface StreamOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  /** 0 to 1; spreads the return of clients. */
  readonly random?: () => number
  /** Bytes of starts and ends that may wait for one client. */
  readonly maxDebtBytes?: number
  /** How long a client may take nothing. Milliseconds. */
  readonly maxStallMs?: number
  /** While a client catches up, bytes are handed to its socket in pieces of about this size. */
  readonly pieceBytes?: number
}

export interface StreamRequest {
  readonly filter: PullFilter
  readonly layers: boolean
  /** As the client gave it; undefined for a new client. */
  readonly lastEventId: string | undefined
}

/** All clients of the stream. One timer for all of them; nothing is kept for one client but where it stands. */
export class Streams {
  readonly counters: StreamCounters = { writes: 0, events: 0, bytes: 0, resets: 0, slow: 0 }
  readonly #hub: EventHub
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly #random: () => number
  readonly #maxDebtBytes: number
  readonly #maxStallMs: number
  readonly #pieceBytes: number
  readonly #groups = new Map<string, StreamGroup>()
  readonly #streams = new Map<Stream, StreamGroup>()
  #opened = 0
  #ticks = 0
  #closed = false

  constructor(hub: EventHub, options: StreamOptions) {
    this.#hub = hub
    this.#clock = options.clock
    this.#random = options.random ?? Math.random
    this.#maxDebtBytes = options.maxDebtBytes ?? 1024 * 1024
    this.#maxStallMs = options.maxStallMs ?? 60_000
    this.#pieceBytes = options.pieceBytes ?? 64 * 1024
    hub.listen(batch => {
      for (const group of this.#groups.values()) group.deliver(batch)
    })
  }

  /** Clients connected now. */
  get active(): number {
    return this.#streams.size
  }

  /** Distinct filters in use: the bytes of each batch are put together once for each of them. */
  get filters(): number {
    return this.#groups.size
  }

  /** Of the clients, those whose socket is full. */
  get lagging(): number {
    let lagging = 0
    for (const stream of this.#streams.keys()) if (!stream.following) lagging++
    return lagging
  }

  get closed(): boolean {
    return this.#closed
  }

  throwIfClosed(): void {
    if (!this.#closed) return
    throw new PulltraceError(Code.Unavailable, 'the server is stopping', { retryAfterSeconds: 1 })
  }

  /** Writes the first bytes at once. The sink's owner must tell the listener when it has drained or closed. */
  open(sink: StreamSink, { filter, layers, lastEventId }: StreamRequest): SinkListener {
    this.throwIfClosed()
    const group = this.#groupOf(filter, layers)
    const stream = new Stream(this.#hub, group, sink, this.#opened++ % commentSeconds)
    this.#streams.set(stream, group)
    const since = lastEventId === undefined ? undefined : this.#hub.resumable(lastEventId)
    stream.begin(this.#hello(lastEventId, since), since)
    return stream
  }

  /** Once a second: comments, and an end for those that take nothing. */
  sweep(): void {
    const turn = this.#ticks++ % commentSeconds
    const nowMs = this.#clock.monotonic()
    for (const [stream, group] of this.#streams) {
      if (stream.fullForMs(nowMs) > this.#maxStallMs) group.drop(stream)
      else if (stream.turn === turn && stream.following) stream.deliver(comment, 0)
    }
  }

  /** Lives until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await this.#clock.sleep(1000, signal).catch(() => {})
      if (!signal.aborted) this.sweep()
    }
  }

  /** Ends every stream after what has been written; clients come back, here or elsewhere, by their id. */
  close(): void {
    this.#closed = true
    for (const stream of [...this.#streams.keys()]) stream.end()
  }

  #hello(lastEventId: string | undefined, since: number | undefined): string {
    // 1 to 3 s: after a restart ten thousand clients must not come in one moment.
    const retry = `retry: ${1000 + Math.floor(this.#random() * 2000)}\n`
    if (since !== undefined) return `${retry}\n`
    // An id without data is no event, yet a browser sends it back: a first state that was cut is then reset.
    if (lastEventId === undefined) return `${retry}id: ${partialStateId(this.#hub.epoch)}\n\n`
    this.counters.resets++
    return `${retry}event: reset\ndata: {}\n\n`
  }

  #groupOf(filter: PullFilter, layers: boolean): StreamGroup {
    const key = `${layers}${filterKey(filter)}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const group = new StreamGroup({
      filter,
      layers,
      maxDebtBytes: this.#maxDebtBytes,
      pieceBytes: this.#pieceBytes,
      counters: this.counters,
      monotonic: () => this.#clock.monotonic(),
      removed: (stream, left) => {
        this.#streams.delete(stream)
        if (left === 0) this.#groups.delete(key)
      },
    })
    this.#groups.set(key, group)
    return group
  }
}
