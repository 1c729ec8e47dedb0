import { type Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { retryDelayMs } from './retry-info.ts'

/** Why a call has no answer. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'
  readonly code: status
  /** How long the server asks to wait; undefined when it does not say. */
  readonly retryAfterMs: number | undefined

  constructor(code: status, message: string, retryAfterMs?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retryAfterMs = retryAfterMs
  }

  /** The same request can succeed when it is sent again. */
  get retryable(): boolean {
    return transient.has(this.code)
  }

  /** Nothing changes until somebody changes the key, the tags or the server. */
  get fatal(): boolean {
    return fatal.has(this.code)
  }

  get exhausted(): boolean {
    return this.code === status.RESOURCE_EXHAUSTED
  }

  /** The request was too large, for the server or for something on the way. */
  get tooLarge(): boolean {
    return this.exhausted && this.retryAfterMs === undefined
  }
}

const transient: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.ABORTED,
  status.DATA_LOSS,
])

const fatal: ReadonlySet<status> = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
  status.UNIMPLEMENTED,
])

export function fromGrpc(call: string, apiUrl: URL, error: ServiceError): CallFailure {
  const what = `${call} at ${apiUrl.origin} failed: ${status[error.code] ?? error.code} ${detailsOf(error)}`
  return new CallFailure(error.code, what, retryAfterOf(error.metadata), error)
}

/** grpc-js ends some of them with a heading that has nothing below it. */
function detailsOf({ details, message }: ServiceError): string {
  return (details || message).replace(/\.?\s*Resolution note:\s*$/, '')
}

function retryAfterOf(trailers: Metadata | undefined): number | undefined {
  const text = trailers?.get('retry-after-ms')[0]
  if (typeof text === 'string' && /^\d{1,12}$/.test(text)) return Number(text)
  const details = trailers?.get('grpc-status-details-bin')[0]
  return details instanceof Buffer ? retryDelayMs(details) : undefined
}
