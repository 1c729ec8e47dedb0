import type { Status } from '../../proto/generated/containerd/services/content/v1/content.ts'

/** What the agent reads of a containerd.services.content.v1.Status. */
export type Ingest = Pick<Status, 'ref' | 'offset'>

/** Tags on the wire: a field's number, and how it is written. Source: proto/containerd/services/content/v1/content.proto */
const statuses = (1 << 3) | 2
const ref = (3 << 3) | 2
const offset = (4 << 3) | 0

/**
 * Reads a ListStatusesResponse. It is the longest answer of a look, a hundred ingests beside ten pulls, and comes with
 * each: the generated code, which reads two times, a size and a digest of each as well, takes eight times as long.
 */
export function ingestsIn(bytes: Buffer): Ingest[] {
  const wire = new Wire(bytes)
  const ingests: Ingest[] = []
  while (wire.pos < bytes.byteLength) {
    const tag = wire.varint()
    if (tag === statuses) ingests.push(ingestIn(wire))
    else wire.skip(tag)
  }
  return ingests
}

function ingestIn(wire: Wire): Ingest {
  const end = wire.endOfBytes()
  const ingest = { ref: '', offset: 0 }
  while (wire.pos < end) {
    const tag = wire.varint()
    if (tag === ref) ingest.ref = wire.text()
    else if (tag === offset) ingest.offset = wire.count()
    else wire.skip(tag)
  }
  if (wire.pos !== end) throw new RangeError('a field is longer than what it is in')
  return ingest
}

/** 64 bits, seven in each byte. */
const maxVarintBytes = 10

/** Source: https://protobuf.dev/programming-guides/encoding/ */
class Wire {
  readonly #bytes: Buffer
  pos = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Exact up to 2^53. */
  varint(): number {
    let value = 0
    let factor = 1
    for (let length = 1; length <= maxVarintBytes; length++) {
      const byte = this.#bytes[this.pos++]
      if (byte === undefined) throw new RangeError('the message is cut off')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 0x80
    }
    throw new RangeError(`the message has a number of more than ${maxVarintBytes} bytes`)
  }

  /** A size or an offset: refused when it is not exact, as the generated code does. */
  count(): number {
    const value = this.varint()
    if (!Number.isSafeInteger(value)) throw new RangeError('the message has a size above 2^53')
    return value
  }

  /** Reads the length of what follows. */
  endOfBytes(): number {
    const length = this.count()
    return this.#within(this.pos + length)
  }

  text(): string {
    const end = this.endOfBytes()
    const text = this.#bytes.toString('utf8', this.pos, end)
    this.pos = end
    return text
  }

  skip(tag: number): void {
    const kind = tag & 7
    if (kind === 0) this.varint()
    else if (kind === 1) this.pos = this.#within(this.pos + 8)
    else if (kind === 2) this.pos = this.endOfBytes()
    else if (kind === 5) this.pos = this.#within(this.pos + 4)
    else throw new RangeError(`the message has a field of kind ${kind}`)
  }

  #within(end: number): number {
    if (end > this.#bytes.byteLength) throw new RangeError('the message is cut off')
    return end
  }
}
