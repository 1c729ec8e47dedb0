/** Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

interface FailureOptions extends ErrorOptions {
  readonly answered?: boolean
}

/** A call that did not end well: `code` is a gRPC status, by the server or by us. */
export class GrpcFailure extends Error {
  override readonly name = 'GrpcFailure'
  readonly code: number
  /** Whether the server said so; false: no whole answer came. */
  readonly answered: boolean

  constructor(code: number, message: string, { answered = false, ...options }: FailureOptions = {}) {
    super(message, options)
    this.code = code
    this.answered = answered
  }
}
