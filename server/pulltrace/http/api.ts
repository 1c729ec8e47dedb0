import type { Middleware } from 'koa'
import { produces, type Route } from './app.ts'
import type { ReaderAuth } from './auth.ts'
import { type StreamOpener, streamEvents } from './events.ts'
import { answeredFromCache, etagOf } from './fresh.ts'
import { readBy } from './grants.ts'
import { searchHistory } from './history.ts'
import type { HistoryReads } from './history-reads.ts'
import { listNodes, type ReportingNodes } from './nodes.ts'
import { getPull, type LivePulls, listPulls } from './pulls.ts'
import { parseQuery, queryOf } from './query.ts'
import { type ReportParts, takeReport } from './report.ts'
import type { Tickets } from './tickets.ts'
import { issueTicket } from './tickets-route.ts'

export interface ApiParts {
  readonly report: ReportParts
  readonly readers: ReaderAuth
  readonly tickets: Tickets
  readonly live: LivePulls
  readonly streams: StreamOpener
  readonly maxStreams: number
  readonly nodes: ReportingNodes
  readonly reads: HistoryReads
  /** The document that GET /openapi.json answers. */
  readonly openapi: object
}

/** Every path of the API. */
export function apiRoutes(parts: ApiParts): readonly Route[] {
  const { report, tickets, live, streams, maxStreams, nodes, reads } = parts
  const json = produces('application/json')
  const reader = readBy(parts.readers)
  return [
    { method: 'POST', path: '/api/v1/report', handlers: [takeReport(report)] },
    {
      method: 'GET',
      path: '/api/v1/events',
      handlers: [
        produces('text/event-stream'),
        readBy(parts.readers, { ticket: true }),
        streamEvents(streams, maxStreams),
      ],
    },
    { method: 'GET', path: '/api/v1/pulls', handlers: [json, reader, listPulls({ live, reads })] },
    { method: 'GET', path: '/api/v1/pulls/:id', handlers: [json, reader, getPull({ live, reads })] },
    { method: 'GET', path: '/api/v1/nodes', handlers: [json, reader, listNodes(nodes)] },
    { method: 'GET', path: '/api/v1/history', handlers: [json, reader, searchHistory({ reads, live })] },
    { method: 'POST', path: '/api/v1/tickets', handlers: [json, reader, issueTicket(tickets)] },
    { method: 'GET', path: '/openapi.json', handlers: [json, serveOpenapi(parts.openapi)] },
  ]
}

function serveOpenapi(document: object): Middleware {
  const json = JSON.stringify(document)
  const etag = etagOf(json)
  return ctx => {
    parseQuery(queryOf(ctx), {})
    if (answeredFromCache(ctx, etag)) return
    ctx.type = 'json'
    ctx.body = json
  }
}
