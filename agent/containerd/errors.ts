import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { GrpcFailure, grpcStatus } from './grpc-failure.ts'

/** gRPC status -> code of ours; what is not listed is a fault of one of the two programs. */
const codes: Readonly<Record<number, Code>> = {
  [grpcStatus.invalidArgument]: Code.Invalid,
  [grpcStatus.notFound]: Code.NotFound,
  [grpcStatus.deadlineExceeded]: Code.Timeout,
  [grpcStatus.permissionDenied]: Code.PermissionDenied,
  [grpcStatus.unauthenticated]: Code.Unauthenticated,
  [grpcStatus.resourceExhausted]: Code.Exhausted,
  [grpcStatus.unavailable]: Code.Unavailable,
  [grpcStatus.cancelled]: Code.Unavailable,
}

/** What to do about a socket that cannot be opened, by the word the kernel gives. */
const fixes: Record<string, string> = {
  ENOENT: 'start containerd, or set PULLTRACE_CONTAINERD_SOCKET to its socket',
  ECONNREFUSED: 'start containerd: its socket is there, but nothing listens',
  EACCES: 'run the agent as a user or group that may open the socket',
}

/** `path` is the method's, as the generated code has it: package, service, a slash and its name. */
export function fromGrpc(path: string, socket: string, reason: unknown): PulltraceError {
  const { code, message: said } =
    reason instanceof GrpcFailure ? reason : { code: grpcStatus.internal, message: String(reason) }
  const word = Object.keys(fixes).find(word => said.includes(word))
  const fix = word === undefined ? undefined : fixes[word]
  const call = path.slice(path.lastIndexOf('.') + 1)
  const message = `containerd at '${socket}' did not answer ${call}: ${said}`
  return new PulltraceError(codes[code] ?? Code.Internal, message, { fix, cause: reason })
}
