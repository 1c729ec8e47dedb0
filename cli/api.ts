import type { Validator } from '../core/contract/schema.ts'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import { harmless } from '../core/lib/harmless.ts'
import type { Secret } from '../core/lib/secret.ts'

/** A server's API as this program reads it. */
export interface Api {
  /** The server as the user named it, for messages. */
  readonly server: string
  /** What to do when the server refuses who asks. */
  readonly refusedFix: string
  /** Rejects with Unavailable when no answer comes, or begins too late; any status is an answer. */
  get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>
}

/** A server that hangs is told of, not waited for: so long from the request to the head of the answer. Milliseconds. */
export const answerWithinMs = 15_000

/** `token` is asked for at each request, so that one that was renewed on disk is used. */
export function createApi(server: URL, token: () => Promise<Secret | undefined>, answerMs = answerWithinMs): Api {
  const name = `${server.origin}${server.pathname.replace(/\/$/, '')}`
  return {
    server: name,
    refusedFix: 'give a reader token: --token-file, PULLTRACE_READER_TOKEN or PULLTRACE_READER_TOKEN_FILE',
    async get(path, headers, signal) {
      const secret = await token()
      const authorization = secret === undefined ? {} : { authorization: `Bearer ${secret.reveal()}` }
      const late = new AbortController()
      const timer = setTimeout(
        () => late.abort(new Error('given up', { cause: new Error(notWithin(answerMs)) })),
        answerMs,
      )
      try {
        const either = AbortSignal.any([signal, late.signal])
        return await fetch(`${name}${path}`, { headers: { ...headers, ...authorization }, signal: either })
      } catch (reason) {
        if (signal.aborted) throw reason
        throw unreachable(name, reason, late.signal.aborted ? hangingFix : absentFix)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

const absentFix = "start one with 'pulltrace up -f FILE', or name another: --server, or PULLTRACE_SERVER_URL"
const hangingFix = 'try again in a moment; the log of the server, and its /readyz, say more'

export const notWithin = (answerMs: number) => `it does not answer within ${answerMs / 1000} s`

/** No answer came; `reason.cause` is why. `otherwise`: what to do where no certificate is at fault. */
export function unreachable(server: string, reason: unknown, otherwise: string): PulltraceError {
  const cause = (reason as { cause?: { code?: string; message?: string; errors?: { code?: string }[] } }).cause
  const code = cause?.code ?? cause?.errors?.[0]?.code ?? ''
  const why = plainCauses[code] ?? harmless(cause?.message || String(reason))
  const fix = /CERT|SIGN|ISSUER/.test(code) ? 'give the certificate of its issuer: --ca-file' : otherwise
  return new PulltraceError(Code.Unavailable, `no pulltrace server at ${server}: ${why}`, { fix, cause: reason })
}

const plainCauses: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up right now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_SOCKET: 'the connection was cut',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an issuer that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an issuer that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an issuer that is not trusted',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

/**
 * The JSON of an answer, checked: what does not fit is not from a server of this version. Throws Unavailable when it
 * is not whole within `wholeMs` after its head.
 */
export async function getJson<T>(
  api: Api,
  path: string,
  validator: Validator<T>,
  signal: AbortSignal,
  wholeMs = answerWithinMs,
): Promise<T> {
  const late = new AbortController()
  const response = await api.get(path, { accept: 'application/json' }, AbortSignal.any([signal, late.signal]))
  const timer = setTimeout(() => late.abort(), wholeMs)
  try {
    if (!response.ok) throw await answerError(api, response)
    return await readJson(api.server, response, validator)
  } catch (error) {
    signal.throwIfAborted()
    if (!late.signal.aborted || !response.ok) throw error
    const message = `${api.server} did not end its answer within ${wholeMs / 1000} s`
    throw new PulltraceError(Code.Unavailable, message, { fix: hangingFix, cause: error })
  } finally {
    clearTimeout(timer)
  }
}

async function readJson<T>(server: string, response: Response, validator: Validator<T>): Promise<T> {
  const value: unknown = await response.json().catch(() => undefined)
  try {
    return validator.parse(value)
  } catch (cause) {
    const message = `${server} does not answer as a pulltrace server of this version: ${(cause as Error).message}`
    throw new PulltraceError(Code.Invalid, harmless(message), {
      fix: 'check the address, or use the same version on both sides',
      cause,
    })
  }
}

/** An answer that is not 2xx, as an error whose code says whether trying again can help. */
export async function answerError(
  { server, refusedFix }: Pick<Api, 'server' | 'refusedFix'>,
  response: Response,
): Promise<PulltraceError> {
  const { status } = response
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { message?: unknown; fix?: unknown } }
    | undefined
  const told = body?.error?.message === undefined ? undefined : harmless(String(body.error.message))
  const toldFix = body?.error?.fix === undefined ? undefined : harmless(String(body.error.fix))
  if (status === 401 || status === 403) {
    const message = `${server} refused: ${told ?? (status === 401 ? 'it wants a token' : 'this token may not read')}`
    return new PulltraceError(status === 401 ? Code.Unauthenticated : Code.PermissionDenied, message, {
      // Who is known and may not read is told by the server what is missing.
      fix: status === 403 && toldFix !== undefined ? toldFix : refusedFix,
    })
  }
  if (status === 429 || status >= 500) {
    return new PulltraceError(Code.Unavailable, `${server} answers ${status}: ${told ?? 'it cannot serve now'}`, {
      fix: toldFix ?? 'try again in a moment; the log of the server says more',
      retryAfterSeconds: retryAfterSeconds(response),
    })
  }
  if (told !== undefined)
    return new PulltraceError(Code.Invalid, `${server} answers ${status}: ${told}`, { fix: toldFix })
  return new PulltraceError(Code.Invalid, `${server} is not a pulltrace server: it answers ${status}`, {
    fix: 'check the address: --server, or PULLTRACE_SERVER_URL',
  })
}

/** The number of seconds only; a date is not what our servers send. Bounded: a wrong header must not stop a client for a day. */
function retryAfterSeconds(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 ? Math.min(seconds, 60) : undefined
}
