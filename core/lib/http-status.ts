import { Code, type PulltraceError } from './errors.ts'

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

/** RFC 9110 §10.2.3 asks for whole seconds. 429 and 503 always carry it, so that no client has to guess. */
export function retryAfterOf({ code, details }: PulltraceError): string | undefined {
  const seconds = details.retryAfterSeconds ?? (code === Code.Exhausted || code === Code.Unavailable ? 1 : undefined)
  return seconds === undefined ? undefined : String(Math.ceil(seconds))
}
