import { GrpcFailure, grpcStatus } from './grpc-failure.ts'

/** Before each message: whether it is compressed, and its length. */
const headBytes = 5

/** Puts messages together again: HTTP/2 cuts them where it likes. */
export class Frames {
  readonly #maxBytes: number
  readonly #onMessage: (bytes: Buffer) => void
  #chunks: Buffer[] = []
  #bytes = 0
  /** How much must be there before it is worth looking again. */
  #wanted = headBytes

  constructor(maxBytes: number, onMessage: (bytes: Buffer) => void) {
    this.#maxBytes = maxBytes
    this.#onMessage = onMessage
  }

  static of(message: Buffer): Buffer {
    const frame = Buffer.allocUnsafe(headBytes + message.byteLength)
    frame[0] = 0
    frame.writeUInt32BE(message.byteLength, 1)
    frame.set(message, headBytes)
    return frame
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
    while (this.#bytes >= this.#wanted) {
      const held = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
      // Never asked for.
      if (held[0] !== 0) throw new GrpcFailure(grpcStatus.internal, 'the answer is compressed')
      const size = held.readUInt32BE(1)
      if (size > this.#maxBytes) {
        throw new GrpcFailure(grpcStatus.resourceExhausted, `the answer has ${size} bytes, more than ${this.#maxBytes}`)
      }
      const end = headBytes + size
      const whole = held.byteLength >= end
      const rest = whole ? held.subarray(end) : held
      this.#chunks = [rest]
      this.#bytes = rest.byteLength
      this.#wanted = whole ? headBytes : end
      if (whole) this.#onMessage(held.subarray(headBytes, end))
    }
  }
}
