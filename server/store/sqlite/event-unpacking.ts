import type { EventContext } from './event-context.ts'
import { absent, fixedBytes, type PackedLists, prefixBytes } from './event-packing.ts'

/** An event of a packed batch. Bytes are views: good as long as the batch is. */
export interface PackedEvent {
  readonly eventId: Uint8Array
  readonly receivedMs: number
  readonly clientMs: number
  /** Places in the lists of the batch. */
  readonly rule: number
  readonly path: number
  readonly groupIndex: number
  readonly conditionIndex: number
  readonly action: number
  readonly matchKind: number
  readonly valueTruncated: boolean
  readonly value: Uint8Array | null
  readonly record: Uint8Array | null
  readonly metadata: Uint8Array | null
  /** With all its texts. */
  readonly bytes: number
}

export interface UnpackedBatch extends PackedLists {
  readonly context: EventContext
  /** The same bytes for the same context. */
  readonly contextBytes: Uint8Array
  readonly count: number
  /** Once, in order. */
  readonly events: Iterable<PackedEvent>
}

/** What packBatch has packed. */
export function unpackBatch(packed: ArrayBuffer): UnpackedBatch {
  const bytes = Buffer.from(packed)
  const contextEnd = prefixBytes + bytes.readUInt32LE(0)
  const listsEnd = contextEnd + bytes.readUInt32LE(4)
  const count = bytes.readUInt32LE(8)
  const contextBytes = bytes.subarray(prefixBytes, contextEnd)
  return {
    ...(JSON.parse(bytes.toString('utf8', contextEnd, listsEnd)) as PackedLists),
    context: JSON.parse(contextBytes.toString()) as EventContext,
    contextBytes,
    count,
    events: eventsOf(bytes, listsEnd, count),
  }
}

function* eventsOf(bytes: Buffer, from: number, count: number): Iterable<PackedEvent> {
  let at = from
  for (let index = 0; index < count; index++) {
    let textAt = at + fixedBytes
    const text = (lengthAt: number) => {
      const length = bytes.readUInt32LE(lengthAt)
      if (length === absent) return null
      textAt += length
      return bytes.subarray(textAt - length, textAt)
    }
    const flags = bytes[at + 48]!
    const event = {
      eventId: bytes.subarray(at, at + 16),
      receivedMs: bytes.readDoubleLE(at + 16),
      clientMs: bytes.readDoubleLE(at + 24),
      rule: bytes.readUInt32LE(at + 32),
      path: bytes.readUInt32LE(at + 36),
      groupIndex: bytes.readUInt32LE(at + 40),
      conditionIndex: bytes.readUInt32LE(at + 44),
      action: flags & 0x7f,
      matchKind: bytes[at + 49]!,
      valueTruncated: (flags & 0x80) !== 0,
      value: text(at + 50),
      record: text(at + 54),
      metadata: text(at + 58),
    }
    yield { ...event, bytes: textAt - at }
    at = textAt
  }
}
