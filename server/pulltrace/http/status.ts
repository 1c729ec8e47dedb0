import type { ErrorBody } from '../../../core/contract/api.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

// `satisfies` stops a new Code from compiling until this edge answers it.
export const httpStatus = {
  [Code.Invalid]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.NotAllowed]: 405,
  [Code.NotAcceptable]: 406,
  [Code.Timeout]: 408,
  [Code.Conflict]: 409,
  [Code.TooLarge]: 413,
  [Code.UnsupportedMedia]: 415,
  [Code.Exhausted]: 429,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
} satisfies Record<Code, number>

/** The body of every answer that is not 2xx or 3xx. Absent details stay absent. */
export function errorBody({ code, publicMessage, details }: PulltraceError): ErrorBody {
  const { path, bound, seen, fix } = details
  return {
    error: {
      code,
      message: publicMessage,
      ...(path !== undefined && { path }),
      ...(bound !== undefined && { bound }),
      ...(seen !== undefined && { seen }),
      ...(fix !== undefined && { fix }),
    },
  }
}

/** RFC 9110 §10.2.3 asks for whole seconds. 429 and 503 always carry it, so that no client has to guess. */
export function retryAfterOf({ code, details }: PulltraceError): string | undefined {
  const seconds = details.retryAfterSeconds ?? (code === Code.Exhausted || code === Code.Unavailable ? 1 : undefined)
  return seconds === undefined ? undefined : String(Math.ceil(seconds))
}

export function notFound(path: string): PulltraceError {
  return new PulltraceError(Code.NotFound, `there is nothing at '${path.slice(0, 200)}'`, {
    fix: 'GET /openapi.json lists every path',
  })
}
