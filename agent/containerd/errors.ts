import { type ServiceError, status } from '@grpc/grpc-js'
import { Code, PulltraceError } from '../../core/lib/errors.ts'

/** gRPC status -> code of ours; what is not listed is a fault of one of the two programs. */
const codes: Partial<Record<status, Code>> = {
  [status.INVALID_ARGUMENT]: Code.Invalid,
  [status.NOT_FOUND]: Code.NotFound,
  [status.DEADLINE_EXCEEDED]: Code.Timeout,
  [status.PERMISSION_DENIED]: Code.PermissionDenied,
  [status.UNAUTHENTICATED]: Code.Unauthenticated,
  [status.RESOURCE_EXHAUSTED]: Code.Exhausted,
  [status.UNAVAILABLE]: Code.Unavailable,
  [status.CANCELLED]: Code.Unavailable,
}

/** What to do about a socket that cannot be opened, by the word the kernel gives. */
const fixes: Record<string, string> = {
  ENOENT: 'start containerd, or set PULLTRACE_CONTAINERD_SOCKET to its socket',
  ECONNREFUSED: 'start containerd: its socket is there, but nothing listens',
  EACCES: 'run the agent as a user or group that may open the socket',
}

export function fromGrpc(call: string, socket: string, error: ServiceError): PulltraceError {
  const reason = Object.keys(fixes).find(word => error.details?.includes(word))
  const fix = reason === undefined ? undefined : fixes[reason]
  // grpc-js ends some of them with a heading that has nothing below it.
  const said = (error.details || error.message).replace(/\.?\s*Resolution note:\s*$/, '')
  const message = `containerd at '${socket}' did not answer ${call}: ${said}`
  return new PulltraceError(codes[error.code] ?? Code.Internal, message, { fix, cause: error })
}
