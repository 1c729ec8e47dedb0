/**
 * The kinds of failure a caller can act on. HTTP and gRPC statuses are derived
 * from these, each in one `status.ts` at its edge. The strings are public: they
 * are in response bodies, logs and metric labels, so they are never renamed.
 */
export const Code = {
  Invalid: 'invalid',
  Unauthenticated: 'unauthenticated',
  PermissionDenied: 'permission_denied',
  NotFound: 'not_found',
  NotAllowed: 'method_not_allowed',
  NotAcceptable: 'not_acceptable',
  Timeout: 'timeout',
  Conflict: 'conflict',
  TooLarge: 'too_large',
  UnsupportedMedia: 'unsupported_media_type',
  Exhausted: 'resource_exhausted',
  Unavailable: 'unavailable',
  Internal: 'internal',
} as const
export type Code = (typeof Code)[keyof typeof Code]

export interface ErrorDetails {
  /** What the reader can do now. Absent when there is nothing they can do. */
  readonly fix?: string | undefined
  /** Where in the input, as its writer would say it: `pulls[2].layers[0].digest`. */
  readonly path?: string | undefined
  /** The bound that was broken: 'an integer from 0 to 9007199254740991'. */
  readonly bound?: string | undefined
  /** The value seen, shortened: `-1`. */
  readonly seen?: string | undefined
  /** Seconds after which the same request can succeed. */
  readonly retryAfterSeconds?: number | undefined
  readonly cause?: unknown
}

export class PulltraceError extends Error {
  override readonly name = 'PulltraceError'
  readonly code: Code
  readonly details: ErrorDetails

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.details = details
  }

  /** What a client may read. An unexpected error's own text can hold SQL, paths or addresses. */
  get publicMessage(): string {
    return this.code === Code.Internal ? 'internal error' : this.message
  }

  /** Any caught value as a PulltraceError; the original is kept as the cause. */
  static from(reason: unknown): PulltraceError {
    if (reason instanceof PulltraceError) return reason
    const message = reason instanceof Error ? reason.message : String(reason)
    return new PulltraceError(Code.Internal, message, { cause: reason })
  }
}
