import type { Context } from 'koa'
import { type HistoryList, type HistorySummaryList, historyGroups } from '../../../core/contract/api.ts'
import { errorCodes, terminalPhases } from '../../../core/contract/words.ts'
import { pullOf } from '../../../core/pulls/pull.ts'
import type { HistoryFilter } from '../../store/store.ts'
import type { HistoryReads } from './history-reads.ts'
import type { LivePulls } from './pulls.ts'
import { choice, flag, limit, parseQuery, plainText, queryOf, time } from './query.ts'

export const defaultLimit = 100
export const maxLimit = 1000

const phaseList = (text: string) => text.split(',').map(choice(terminalPhases))

export const historyParameters = {
  node: plainText,
  namespace: plainText,
  pod: plainText,
  image: plainText,
  phase: phaseList,
  errorCode: choice(errorCodes),
  since: time,
  until: time,
  groupBy: choice(historyGroups),
  layers: flag,
  limit: limit(maxLimit),
  cursor: plainText,
}

export interface HistoryParts {
  readonly reads: HistoryReads
  readonly live: Pick<LivePulls, 'get'>
}

/**
 * GET /api/v1/history: newest end first, or sums with `groupBy`. A pull whose end was not known and that goes on after all
 * has not ended: it is not told here, and the sums count it until its true end takes the place of that one.
 */
export function searchHistory({ reads, live }: HistoryParts) {
  return async (ctx: Context): Promise<void> => {
    const query = parseQuery(queryOf(ctx), historyParameters)
    const { phase, since, until, groupBy, layers = false, limit = defaultLimit, cursor, ...same } = query
    const filter: HistoryFilter = {
      ...same,
      ...(phase !== undefined && { phases: phase }),
      ...(since !== undefined && { sinceMs: since }),
      ...(until !== undefined && { untilMs: until }),
    }
    ctx.set('Cache-Control', 'private, no-cache')
    if (groupBy !== undefined) {
      const page = await reads.ask(ctx, history => history.summarize(groupBy, filter, limit, cursor))
      ctx.body = { items: [...page.items], nextCursor: page.nextCursor ?? null } satisfies HistorySummaryList
      return
    }
    const page = await reads.ask(ctx, history => history.search(filter, limit, cursor))
    const ended = page.items.filter(({ id }) => live.get(id) === undefined)
    const items = ended.map(pull => pullOf(pull, { layers }))
    ctx.body = { items, nextCursor: page.nextCursor ?? null } satisfies HistoryList
  }
}
