import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { ReportEventsRequest } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { decoded } from '../caller.ts'

export interface SplitRequest {
  /** Encoded, each by itself: one that cannot be decoded does not spoil the others, and each has its size. */
  readonly events: readonly Uint8Array[]
  /** Everything else. */
  readonly shared: ReportEventsRequest
}

/** Of everything but the events. Twice what metadata, tags and the rest can be: decoded it takes many times that. */
const maxSharedBytes = 256 * 1024

/**
 * Finds the events of a ReportEventsRequest without decoding them. What is too much is counted, not kept: two bytes of
 * a request can be an event.
 *
 * @throws Code.Invalid; Code.TooLarge for more events than `maxEvents`
 */
export function splitRequest(body: Uint8Array, maxEvents: number): SplitRequest {
  const events: Uint8Array[] = []
  const rest: Uint8Array[] = []
  let eventCount = 0
  let sharedBytes = 0
  const reader = new BinaryReader(body)
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos
      const [field, wireType] = reader.tag()
      if (field === 1 && wireType === WireType.LengthDelimited) {
        eventCount++
        if (eventCount <= maxEvents) events.push(reader.bytes())
        else reader.skip(wireType, field)
      } else {
        reader.skip(wireType, field)
        sharedBytes += reader.pos - start
        if (sharedBytes <= maxSharedBytes) rest.push(body.subarray(start, reader.pos))
      }
    }
  } catch (cause) {
    throw new PulltraceError(Code.Invalid, 'the message cannot be decoded', { cause })
  }
  if (eventCount > maxEvents) {
    throw new PulltraceError(Code.TooLarge, `a request must have at most ${maxEvents} events, got ${eventCount}`)
  }
  if (sharedBytes > maxSharedBytes) {
    throw new PulltraceError(
      Code.Invalid,
      `a request must have at most ${maxSharedBytes} bytes besides its events, got ${sharedBytes}`,
    )
  }
  return { events, shared: decoded(ReportEventsRequest, Buffer.concat(rest)) }
}
