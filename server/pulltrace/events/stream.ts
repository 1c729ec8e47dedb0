import { type Emission, Frame } from './emission.ts'
import { formatEventId } from './event-id.ts'
import type { EventHub } from './hub.ts'
import { deliveryBytes } from './replay.ts'
import type { StreamGroup } from './stream-group.ts'
import type { SinkListener, StreamSink } from './stream-sink.ts'

/**
 * One client. It either follows (everything so far was written, and the next events are
 * written for the whole group) or lags: its socket is full and it has a cursor, the
 * number it stands at. Nothing is queued for it; on drain it is told what it missed.
 */
export class Stream implements SinkListener {
  readonly #hub: EventHub
  readonly #group: StreamGroup
  readonly #sink: StreamSink
  /** The number up to which everything has been written; only meant while it lags. */
  #cursor = 0
  /** The first state, as far as it has not been written. */
  #states: Generator<Emission, undefined> | undefined
  /** When its socket became full. Monotonic ms; undefined while it follows. */
  #fullSinceMs: number | undefined
  /** What the group's kept bytes were when this client had all of them. */
  #keptBytes = 0
  #gone = false
  /** In which of the seconds between two comments its turn is. */
  readonly turn: number

  constructor(hub: EventHub, group: StreamGroup, sink: StreamSink, turn: number) {
    this.#hub = hub
    this.#group = group
    this.#sink = sink
    this.turn = turn
  }

  get following(): boolean {
    return this.#fullSinceMs === undefined
  }

  /** Begins with what was missed after `since`, or with the whole state. `hello` is written before anything else. */
  begin(hello: string, since: number | undefined): void {
    this.#restart()
    if (since !== undefined) {
      this.#states = undefined
      this.#cursor = since
    }
    if (this.#write(Buffer.from(hello), 0)) this.#catchUp()
    else this.#lag()
  }

  /**
   * Events of one publish or flush that match, in one write for all of them; or a
   * comment. The stream must be following, and the hub tells of nothing newer than these.
   */
  deliver(bytes: Buffer, events: number): void {
    if (this.#write(bytes, events)) return
    this.#cursor = this.#hub.seq
    this.#keptBytes = this.#group.keptBytes
    this.#lag()
  }

  /** Bytes of starts and ends that wait for this client. */
  get debtBytes(): number {
    return this.following ? 0 : this.#group.keptBytes - this.#keptBytes
  }

  /** How long its socket has been full. Milliseconds. */
  fullForMs(nowMs: number): number {
    return this.#fullSinceMs === undefined ? 0 : nowMs - this.#fullSinceMs
  }

  drained(): void {
    if (!this.following && !this.#gone) this.#catchUp()
  }

  closed(): void {
    this.#gone = true
    this.#states = undefined
    this.#group.remove(this)
  }

  end(): void {
    this.closed()
    this.#sink.end()
  }

  destroy(): void {
    this.closed()
    this.#sink.destroy()
  }

  #restart(): void {
    this.#cursor = this.#hub.seq
    this.#keptBytes = this.#group.keptBytes
    this.#states = this.#hub.statesAt(this.#cursor, this.#group.filter)
  }

  #catchUp(): void {
    if (this.#writeAll()) this.#follow()
    else this.#lag()
  }

  /** Writes until nothing is missed, or until the socket is full: then false. */
  #writeAll(): boolean {
    for (;;) {
      if (this.#states !== undefined && !this.#writeStates(this.#states)) return false
      const outcome = this.#writeMissed()
      if (outcome !== 'forgotten') return outcome === 'all'
      this.#group.counters.resets++
      this.#restart()
      if (!this.#write(Buffer.from('event: reset\ndata: {}\n\n'), 0)) return false
    }
  }

  /** False: full before the end. */
  #writeStates(states: Generator<Emission, undefined>): boolean {
    const piece = new Piece()
    for (;;) {
      const next = states.next()
      if (next.done) break
      piece.add(next.value.bytes(Frame.state | this.#group.layers))
      if (piece.length >= this.#group.pieceBytes && !this.#writePiece(piece)) return false
    }
    this.#states = undefined
    piece.add(Buffer.from(`event: synced\nid: ${formatEventId(this.#hub.epoch, this.#cursor)}\ndata: {}\n\n`))
    return this.#writePiece(piece)
  }

  #writeMissed(): 'all' | 'full' | 'forgotten' {
    const missed = this.#hub.replay(this.#cursor, this.#group.filter)
    if (missed === undefined) return 'forgotten'
    const piece = new Piece()
    for (const [index, delivery] of missed.entries()) {
      piece.add(deliveryBytes(delivery, this.#group.layers))
      this.#cursor = delivery.seq
      if (piece.length < this.#group.pieceBytes && index + 1 < missed.length) continue
      if (this.#writePiece(piece)) continue
      let remaining = 0
      for (const { emission, frame } of missed.slice(index + 1)) {
        if (emission.kept) remaining += emission.bytes(frame | this.#group.layers).length
      }
      // Never lower: what a client missed before it came is not held against it.
      this.#keptBytes = Math.max(this.#keptBytes, this.#group.keptBytes - remaining)
      return 'full'
    }
    return 'all'
  }

  #writePiece(piece: Piece): boolean {
    const events = piece.events
    return this.#write(piece.take(), events)
  }

  #write(bytes: Buffer, events: number): boolean {
    const { counters } = this.#group
    counters.writes++
    counters.bytes += bytes.length
    counters.events += events
    return this.#sink.write(bytes)
  }

  #lag(): void {
    if (this.#gone) return
    this.#fullSinceMs = this.#group.monotonic()
    this.#group.lag(this)
  }

  #follow(): void {
    if (this.#gone) return
    this.#fullSinceMs = undefined
    this.#group.follow(this)
  }
}

/** Frames that are written at once. */
class Piece {
  #frames: Buffer[] = []
  length = 0

  get events(): number {
    return this.#frames.length
  }

  add(frame: Buffer): void {
    this.#frames.push(frame)
    this.length += frame.length
  }

  take(): Buffer {
    const frames = this.#frames
    this.#frames = []
    this.length = 0
    return frames.length === 1 ? frames[0]! : Buffer.concat(frames)
  }
}
