import { BinaryReader } from '@bufbuild/protobuf/wire'
import { Any } from '../../../../proto/generated/google/protobuf/any.ts'
import { Duration } from '../../../../proto/generated/google/protobuf/duration.ts'

/** google.rpc.Status (google/rpc/status.proto): `repeated google.protobuf.Any details = 3`, length-delimited. */
const detailsTag = (3 << 3) | 2
/** google.rpc.RetryInfo (google/rpc/error_details.proto): `google.protobuf.Duration retry_delay = 1`. */
const retryDelayTag = (1 << 3) | 2
const retryInfo = 'type.googleapis.com/google.rpc.RetryInfo'

/** The delay of the RetryInfo in a `grpc-status-details-bin`, in milliseconds; undefined without one, and for garbage. */
export function retryDelayMs(statusBytes: Uint8Array): number | undefined {
  try {
    const info = fieldsOf(statusBytes, detailsTag)
      .map(bytes => Any.decode(bytes))
      .find(({ typeUrl }) => typeUrl === retryInfo)
    const delay = info && fieldsOf(info.value, retryDelayTag).at(-1)
    return delay && durationMs(Duration.decode(delay))
  } catch {
    // Details are a help; the status itself is known without them.
    return undefined
  }
}

export const durationMs = ({ seconds, nanos }: Duration): number => Math.max(0, seconds * 1_000 + nanos / 1e6)

function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message)
  const found: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === wanted) found.push(reader.bytes())
    else reader.skip(tag & 7)
  }
  return found
}
