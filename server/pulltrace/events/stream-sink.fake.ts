import type { SinkListener, StreamSink } from './stream-sink.ts'

/** A socket whose peer reads only when told to. */
export class FakeSink implements StreamSink {
  listener: SinkListener = { drained() {}, closed() {} }
  /** What the peer has read. */
  readonly read: Buffer[] = []
  writes = 0
  ended = false
  closed = false
  readonly #fullBytes: number
  #buffered: Buffer[] = []
  #needsDrain = false

  constructor(fullBytes = 64 * 1024) {
    this.#fullBytes = fullBytes
  }

  /** Bytes that the server holds for this client. */
  get bufferedBytes(): number {
    return this.#buffered.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  write(bytes: Buffer): boolean {
    if (this.closed || this.ended) return false
    if (this.writes++ > 100_000) throw new Error('writes without end')
    this.#buffered.push(bytes)
    const full = this.bufferedBytes >= this.#fullBytes
    this.#needsDrain ||= full
    return !full
  }

  end(): void {
    this.ended = true
    if (this.bufferedBytes === 0) this.destroy()
  }

  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.#buffered = []
    this.listener.closed()
  }

  /** The peer reads at most this many bytes; returns how many it got. */
  take(maxBytes = Number.POSITIVE_INFINITY): number {
    let taken = 0
    while (taken < maxBytes && !this.closed) {
      const all = Buffer.concat(this.#buffered)
      if (all.length === 0) break
      const part = all.subarray(0, Math.min(all.length, maxBytes - taken))
      this.read.push(Buffer.from(part))
      taken += part.length
      this.#buffered = part.length < all.length ? [all.subarray(part.length)] : []
      if (this.#buffered.length > 0) continue
      if (this.ended) this.destroy()
      else if (this.#needsDrain) {
        this.#needsDrain = false
        this.listener.drained()
      }
    }
    return taken
  }
}
