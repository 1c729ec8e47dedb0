import type { ErrorBody } from '../../../core/contract/api.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

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

export function notFound(path: string): PulltraceError {
  return new PulltraceError(Code.NotFound, `there is nothing at '${path.slice(0, 200)}'`, {
    fix: 'GET /openapi.json lists every path',
  })
}
