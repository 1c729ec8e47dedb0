import type { Context } from 'koa'
import { historyGroups, type NodeView } from '../../../../core/contract/api.ts'
import { errorCodes, terminalPhases } from '../../../../core/contract/words.ts'
import type { Clock } from '../../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../../core/lib/errors.ts'
import { pullOf } from '../../../../core/pulls/pull.ts'
import type { HistoryFilter } from '../../../store/store.ts'
import type { Html } from '../../../ui/html.ts'
import { historyPage, refusedPage, summaryPage, timePage } from '../../pages/history.ts'
import { type TimeSpan, timeSpans, windowOf } from '../../pages/history-time.ts'
import { nodesPage } from '../../pages/nodes.ts'
import { pullPage } from '../../pages/pull.ts'
import type { HistoryReads } from '../history-reads.ts'
import type { LivePulls } from '../pulls.ts'
import { choice, type Parameter, parseQuery, plainText, queryOf, time } from '../query.ts'
import type { PageFrame } from './frame.ts'

const rowsOfPage = 100

export interface PastParts {
  readonly frame: PageFrame
  readonly live: LivePulls
  readonly reads: HistoryReads
  readonly nodes: () => readonly NodeView[]
  readonly clock: Pick<Clock, 'now'>
}

/** What the form of the history asks for. */
const fields = {
  node: plainText,
  namespace: plainText,
  pod: plainText,
  image: plainText,
  phase: choice(terminalPhases),
  errorCode: choice(errorCodes),
  since: time,
  until: time,
}
const others = { groupBy: choice([...historyGroups, 'hour', 'day']), cursor: plainText }
const [fieldNames, otherNames] = [Object.keys(fields), Object.keys(others)]

/** What each field of the form must be that is something else. */
function fieldFaults(query: URLSearchParams): ReadonlyMap<string, string> {
  const faults = new Map<string, string>()
  for (const [name, parse] of Object.entries(fields)) {
    const elsewhere = [...fieldNames, ...otherNames].filter(other => other !== name)
    try {
      parseQuery<Record<string, Parameter<unknown>>>(query, { [name]: parse }, elsewhere)
    } catch (reason) {
      const { message, details } = PulltraceError.from(reason)
      faults.set(name, details.bound ?? message)
    }
  }
  return faults
}

type Others = ReturnType<typeof parseQuery<typeof others>>

/** GET /history: pulls that have ended, or sums of them. */
export function showHistory({ frame, reads, clock }: PastParts) {
  const overTime = async (ctx: Context, span: TimeSpan, filter: HistoryFilter, query: URLSearchParams) => {
    const { spanMs, count } = timeSpans[span]
    const { fromMs, toMs } = windowOf(span, filter.untilMs ?? clock.now())
    const sinceMs = Math.max(fromMs, filter.sinceMs ?? fromMs)
    // By clocks of nodes: one that is ahead has pulls of the future, which are shown once it is now.
    const items = await reads.ask(ctx, history =>
      history.summarizeTime(spanMs, { untilMs: toMs, ...filter, sinceMs }, count),
    )
    return timePage({ items, span, fromMs, query, filter })
  }
  const results = async (ctx: Context, query: URLSearchParams, { groupBy, cursor }: Others): Promise<Html> => {
    const { phase, since, until, ...same } = parseQuery(query, fields, otherNames)
    const filter: HistoryFilter = {
      ...same,
      ...(phase !== undefined && { phases: [phase] }),
      ...(since !== undefined && { sinceMs: since }),
      ...(until !== undefined && { untilMs: until }),
    }
    if (groupBy === 'hour' || groupBy === 'day') return await overTime(ctx, groupBy, filter, query)
    if (groupBy !== undefined) {
      const { items, nextCursor } = await reads.ask(ctx, history =>
        history.summarize(groupBy, filter, rowsOfPage, cursor),
      )
      return summaryPage({ items, groupBy, query, nextCursor })
    }
    const { items, nextCursor } = await reads.ask(ctx, history => history.search(filter, rowsOfPage, cursor))
    return historyPage({ pulls: items.map(pull => pullOf(pull)), query, nextCursor })
  }
  return async (ctx: Context): Promise<void> => {
    const query = queryOf(ctx)
    const asked = parseQuery(query, others, fieldNames)
    const faults = fieldFaults(query)
    const wrong = faults.size > 0
    const body = wrong ? refusedPage({ query, groupBy: asked.groupBy, faults }) : await results(ctx, query, asked)
    frame.answer(ctx, { title: 'History', current: '/history', body }, wrong ? 400 : 200)
  }
}

/** GET /pulls/ID: one pull with its timeline and layers. */
export function showPull({ frame, live, reads, clock }: PastParts) {
  return async (ctx: Context): Promise<void> => {
    const id = String(ctx['params'].id)
    const pull = live.get(id) ?? (await reads.ask(ctx, history => history.get(id)))
    if (pull === undefined) {
      throw new PulltraceError(
        Code.NotFound,
        `there is no pull '${id.slice(0, 100)}'; ended pulls are kept for a time only`,
      )
    }
    const body = pullPage(pullOf(pull, { layers: true }), clock.now())
    frame.answer(ctx, { title: pull.imageRef, body })
  }
}

/** GET /nodes: who reports. */
export function showNodes({ frame, nodes }: PastParts) {
  return (ctx: Context): void => {
    const sorted = [...nodes()].sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1))
    frame.answer(ctx, { title: 'Nodes', current: '/nodes', body: nodesPage(sorted) })
  }
}
