import type { ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { filterParameters, parseLayers, parsePullFilter } from '../events/filter.ts'
import type { StreamRequest } from '../events/streams.ts'
import type { ReaderGrant } from './auth.ts'
import { grantOf } from './grants.ts'
import { parseQuery, plainText, queryOf } from './query.ts'
import { setSecurityHeaders } from './security-headers.ts'

/** Who writes Server-Sent Events. `events/` answers it. */
export interface StreamOpener {
  /** Clients connected now. */
  readonly active: () => number
  readonly open: (response: ServerResponse, request: StreamRequest) => void
  /** Cuts the stream when what let its reader in no longer holds. */
  readonly guard: (response: ServerResponse, grant: ReaderGrant) => void
}

export const eventParameters = { lastEventId: plainText, ticket: plainText }

/** GET /api/v1/events: from here on the response belongs to the stream. */
export function streamEvents(streams: StreamOpener, maxStreams: number) {
  return (ctx: Context): void => {
    const params = queryOf(ctx)
    const { lastEventId } = parseQuery(params, eventParameters, [...filterParameters, 'layers'])
    const filter = parsePullFilter(params)
    const layers = parseLayers(params)
    if (ctx.method === 'HEAD') {
      ctx.type = 'text/event-stream'
      ctx.status = 200
      return
    }
    if (streams.active() >= maxStreams) {
      throw new PulltraceError(Code.Unavailable, `${maxStreams} clients follow the stream, as many as may`, {
        bound: `at most ${maxStreams} clients`,
        fix: 'raise PULLTRACE_MAX_STREAMS and the memory of the server, or try again',
        // Not all at once: those that were refused together should not come back together.
        retryAfterSeconds: 5 + Math.floor(Math.random() * 10),
      })
    }
    // The header wins: a browser repeats the address, with its old ?lastEventId=, on each reconnect.
    const header = ctx.get('last-event-id') || undefined
    setSecurityHeaders(ctx.res)
    streams.open(ctx.res, { filter, layers, lastEventId: header ?? lastEventId })
    streams.guard(ctx.res, grantOf(ctx))
    // Only now: until the stream has begun, a fault is answered as any other.
    ctx.respond = false
  }
}
