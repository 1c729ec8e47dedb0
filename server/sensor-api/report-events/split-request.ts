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

/** Finds the events of a ReportEventsRequest without decoding them. @throws Code.Invalid */
export function splitRequest(body: Uint8Array): SplitRequest {
  const events: Uint8Array[] = []
  const rest: Uint8Array[] = []
  const reader = new BinaryReader(body)
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos
      const [field, wireType] = reader.tag()
      if (field === 1 && wireType === WireType.LengthDelimited) {
        events.push(reader.bytes())
      } else {
        reader.skip(wireType, field)
        rest.push(body.subarray(start, reader.pos))
      }
    }
  } catch (cause) {
    throw new PulltraceError(Code.Invalid, 'the message cannot be decoded', { cause })
  }
  return { events, shared: decoded(ReportEventsRequest, Buffer.concat(rest)) }
}
