import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { Metadata, status as Status } from '@grpc/grpc-js'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { Any } from '../../../proto/generated/google/protobuf/any.ts'
import { Duration } from '../../../proto/generated/google/protobuf/duration.ts'

/** How a call ends: what a client reads. */
export interface GrpcStatus {
  readonly code: Status
  readonly details: string
  readonly metadata: Metadata
}

const statusOf: Readonly<Record<Code, Status>> = {
  [Code.Invalid]: Status.INVALID_ARGUMENT,
  [Code.Unauthenticated]: Status.UNAUTHENTICATED,
  [Code.PermissionDenied]: Status.PERMISSION_DENIED,
  [Code.NotFound]: Status.NOT_FOUND,
  [Code.NotAllowed]: Status.UNIMPLEMENTED,
  [Code.NotAcceptable]: Status.UNIMPLEMENTED,
  [Code.Timeout]: Status.DEADLINE_EXCEEDED,
  [Code.Conflict]: Status.ABORTED,
  [Code.TooLarge]: Status.RESOURCE_EXHAUSTED,
  [Code.UnsupportedMedia]: Status.UNIMPLEMENTED,
  [Code.Exhausted]: Status.RESOURCE_EXHAUSTED,
  [Code.Unavailable]: Status.UNAVAILABLE,
  [Code.Internal]: Status.INTERNAL,
}

/** For what may be told to a client; a bug tells only the request it happened in. */
export function grpcStatusOf(reason: unknown, requestId: string): GrpcStatus {
  const error = PulltraceError.from(reason)
  const code = statusOf[error.code]
  if (code === Status.INTERNAL) {
    return { code, details: `internal error, request ${requestId}`, metadata: new Metadata() }
  }
  const { fix, retryAfterSeconds } = error.details
  // Half a character, where a text was cut, would be an error of its own when it is sent.
  const details = (fix === undefined ? error.publicMessage : `${error.publicMessage}; ${fix}`).toWellFormed()
  return { code, details, metadata: retryInfo(code, details, retryAfterSeconds) }
}

/**
 * When to come again, in the two ways that clients read: `retry-after-ms`, and google.rpc.RetryInfo in
 * `grpc-status-details-bin`. https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
 */
function retryInfo(code: Status, message: string, seconds: number | undefined): Metadata {
  const metadata = new Metadata()
  if (seconds === undefined) return metadata
  metadata.set('retry-after-ms', String(Math.ceil(seconds * 1000)))
  const delay = { seconds: Math.floor(seconds), nanos: Math.round((seconds % 1) * 1e9) }
  const info = new BinaryWriter().uint32(10).bytes(Duration.encode(delay).finish()).finish()
  const any = Any.encode({ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: Buffer.from(info) }).finish()
  const status = new BinaryWriter().uint32(8).int32(code).uint32(18).string(message).uint32(26).bytes(any).finish()
  metadata.set('grpc-status-details-bin', Buffer.from(status))
  return metadata
}

/** `OK`, `UNAVAILABLE`: a metric label. */
export const statusName = (code: Status): string => Status[code] ?? 'UNKNOWN'
