/**
 * What the API server answered, or that it was not reached. It is for the program that asked, which turns it into
 * its own error: what this server may not do is not what its reader may not do.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  /** HTTP status. 0: no answer. */
  readonly status: number
  /** As Kubernetes names it: 'NotFound', 'Conflict', 'Forbidden', 'Invalid', ... Without an answer 'Unreachable', 'Timeout' or 'TooLarge'. */
  readonly reason: string
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined

  constructor(
    status: number,
    reason: string,
    message: string,
    { retryAfterMs, cause }: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof KubeError && error.status === 404

/** Somebody else wrote the object, or made it first. */
export const isConflict = (error: unknown): boolean => error instanceof KubeError && error.status === 409

/** The history that was asked for is forgotten: list again. */
export const isGone = (error: unknown): boolean =>
  error instanceof KubeError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')

/**
 * Whether a watch may be asked for again from where it was. After trouble on the way it can; other answers may mean that the
 * place is forgotten, ahead of a server that was restored from a backup (504), or not ours any more: list again.
 */
export function canResume(error: unknown): boolean {
  if (!(error instanceof KubeError)) return true
  if (isGone(error) || error.reason === 'BadWatch') return false
  return [0, 429, 500, 502, 503].includes(error.status)
}

interface Status {
  readonly message?: unknown
  readonly reason?: unknown
  readonly code?: unknown
  readonly details?: { readonly retryAfterSeconds?: unknown }
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

const longestMessage = 2000

/** From an answer that is not 2xx. Its body is a Status, or the page of something in between. */
export function errorOfAnswer(what: string, status: number, body: string, retryAfter: string | undefined): KubeError {
  const said = statusOf(body)
  const reason = typeof said?.reason === 'string' && said.reason !== '' ? said.reason : (reasons[status] ?? 'Unknown')
  const message = typeof said?.message === 'string' ? said.message : body
  return new KubeError(status, reason, `${what}: ${status} ${reason}: ${message.slice(0, longestMessage)}`, {
    retryAfterMs: retryAfterMsOf(retryAfter, said?.details?.retryAfterSeconds),
  })
}

/** From the object of an ERROR event in a watch: its status is inside, as the HTTP one was 200 long ago. */
export function errorOfWatchEvent(what: string, object: unknown): KubeError {
  const said = (typeof object === 'object' && object !== null ? object : {}) as Status
  const status = typeof said.code === 'number' ? said.code : 500
  return errorOfAnswer(what, status, JSON.stringify(said), undefined)
}

function statusOf(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Status) : undefined
  } catch {
    return undefined
  }
}

/** RFC 9110 §10.2.3 allows a date too; API servers send seconds. A proxy's date is worth no clock comparison. */
function retryAfterMsOf(header: string | undefined, inBody: unknown): number | undefined {
  if (header !== undefined && /^\d{1,6}$/.test(header)) return Number(header) * 1000
  return typeof inBody === 'number' && Number.isFinite(inBody) && inBody > 0 ? inBody * 1000 : undefined
}
