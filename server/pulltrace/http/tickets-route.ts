import type { Context } from 'koa'
import type { Ticket } from '../../../core/contract/api.ts'
import { grantOf } from './grants.ts'
import { parseQuery, queryOf } from './query.ts'
import type { Tickets } from './tickets.ts'

/** POST /api/v1/tickets: no body; what is sent is not read. */
export function issueTicket(tickets: Tickets) {
  return (ctx: Context): void => {
    parseQuery(queryOf(ctx), {})
    const { ticket, expiresAtMs } = tickets.issue(grantOf(ctx))
    ctx.status = 201
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { ticket, expiresAt: new Date(expiresAtMs).toISOString() } satisfies Ticket
  }
}
