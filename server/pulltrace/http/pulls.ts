import type { Context } from 'koa'
import type { PullList } from '../../../core/contract/api.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { layerCountOf } from '../../../core/pulls/layers.ts'
import { type PullState, pullOf } from '../../../core/pulls/pull.ts'
import type { HistoryFilter } from '../../store/store.ts'
import { filterParameters, type PullFilter, parseLayers, parsePullFilter } from '../events/filter.ts'
import { answeredFromCache, etagOf } from './fresh.ts'
import type { HistoryReads } from './history-reads.ts'
import {
  badCursor,
  badParameter,
  choice,
  cursorOf,
  cursorParts,
  limit,
  parseQuery,
  plainText,
  queryOf,
} from './query.ts'

/** Pulls that have not ended, and the number of the newest event they hold. `events/` answers it. */
export interface LivePulls {
  snapshot(filter?: PullFilter): { readonly lastEventId: string; readonly pulls: readonly PullState[] }
  get(id: string): PullState | undefined
}

export interface PullParts {
  readonly live: LivePulls
  readonly reads: HistoryReads
}

export const pullStates = ['active', 'finished', 'all'] as const

export const pullParameters = {
  state: choice(pullStates),
  limit: limit(5000),
  cursor: plainText,
}

interface PullQuery {
  readonly filter: PullFilter
  readonly layers: boolean
  readonly limit: number
}

/** On one page, about 4 MB of JSON: an answer is made in one go, and nothing else runs meanwhile. */
const maxPageLayers = 20_000

interface PullPage {
  readonly pulls: readonly PullState[]
  readonly nextCursor: string | null
}

/** GET /api/v1/pulls: active ones, newest start first; then ended ones, newest end first. */
export function listPulls({ live, reads }: PullParts) {
  return async (ctx: Context): Promise<void> => {
    const params = queryOf(ctx)
    const {
      state = 'active',
      limit = 500,
      cursor,
    } = parseQuery(params, pullParameters, [...filterParameters, 'layers'])
    const query: PullQuery = { filter: parsePullFilter(params), layers: parseLayers(params), limit }
    const { lastEventId, pulls } = live.snapshot(query.filter)
    // Only active pulls are told by events: what ends of the past are kept may change without one.
    if (state === 'active' && answeredFromCache(ctx, etagOf(lastEventId, ctx.search))) return

    const from = cursor === undefined ? undefined : cursorParts(cursor)
    const page =
      state !== 'finished' && from?.[0] !== 'ended'
        ? activePage(pulls, query, state === 'all', from, cursor)
        : await endedPage({ live, reads }, ctx, query, from, cursor)
    const body = {
      pulls: page.pulls.map(pull => pullOf(pull, { layers: query.layers })),
      lastEventId,
      nextCursor: page.nextCursor,
    } satisfies PullList
    if (state === 'active') ctx.body = body
    else answerHashed(ctx, body)
  }
}

/** GET /api/v1/pulls/{id}: with layers; as it is now, else as it ended. */
export function getPull({ live, reads }: PullParts) {
  return async (ctx: Context): Promise<void> => {
    parseQuery(queryOf(ctx), {})
    const id = String(ctx['params'].id)
    const pull = live.get(id) ?? (await reads.ask(ctx, history => history.get(id)))
    if (pull === undefined) {
      throw new PulltraceError(
        Code.NotFound,
        `there is no pull '${id.slice(0, 100)}'; ended pulls are kept for a time only`,
      )
    }
    answerHashed(ctx, pullOf(pull, { layers: true }))
  }
}

function answerHashed(ctx: Context, body: object): void {
  const json = JSON.stringify(body)
  if (answeredFromCache(ctx, etagOf(json))) return
  ctx.type = 'json'
  ctx.body = json
}

/** `andEnded`: the page after the last one is the first of the ended ones. */
function activePage(
  pulls: readonly PullState[],
  { limit, layers }: PullQuery,
  andEnded: boolean,
  from: readonly unknown[] | undefined,
  cursor = '',
): PullPage {
  const [kind, startedAtMs, id] = from ?? ['active', Number.POSITIVE_INFINITY, '']
  if (kind !== 'active' || typeof startedAtMs !== 'number' || typeof id !== 'string') throw badCursor(cursor)
  const rest = pulls
    .filter(pull => pull.startedAtMs < startedAtMs || (pull.startedAtMs === startedAtMs && pull.id > id))
    .sort((a, b) => b.startedAtMs - a.startedAtMs || (a.id < b.id ? -1 : 1))
  const page = rest.slice(0, layers ? Math.min(limit, fitting(rest)) : limit)
  const last = page.at(-1)
  if (rest.length > page.length && last !== undefined) {
    return { pulls: page, nextCursor: cursorOf('active', last.startedAtMs, last.id) }
  }
  return { pulls: page, nextCursor: andEnded ? cursorOf('ended') : null }
}

/** How many of them go on one page with their layers; at least one. */
function fitting(pulls: readonly PullState[]): number {
  let layers = 0
  const end = pulls.findIndex(pull => {
    layers += layerCountOf(pull.layers)
    return layers > maxPageLayers
  })
  return end < 0 ? pulls.length : Math.max(1, end)
}

async function endedPage(
  { live, reads }: PullParts,
  ctx: Context,
  { filter, limit }: PullQuery,
  from: readonly unknown[] | undefined,
  cursor = '',
): Promise<PullPage> {
  const [kind, inner] = from ?? ['ended']
  if (kind !== 'ended' || (inner !== undefined && typeof inner !== 'string')) throw badCursor(cursor)
  const phases = filter.phases.filter(isTerminal)
  if (filter.phases.length > 0 && phases.length === 0) return { pulls: [], nextCursor: null }
  const asked = historyFilterOf(filter)
  const page = await reads.ask(ctx, history => history.search(asked, limit, inner))
  // A pull that is running again, or whose end is stored and not yet told, is still active.
  const pulls = page.items.filter(pull => live.get(pull.id) === undefined)
  return { pulls, nextCursor: page.nextCursor === undefined ? null : cursorOf('ended', page.nextCursor) }
}

function historyFilterOf({ nodes, namespaces, pods, images, phases }: PullFilter): HistoryFilter {
  const one = (name: string, values: readonly string[]) => {
    if (values.length > 1) throw badParameter(name, 'one value when `state` is not active', values.join(','))
    return values[0]
  }
  const filter = {
    node: one('node', nodes),
    namespace: one('namespace', namespaces),
    pod: one('pod', pods),
    image: one('image', images),
  }
  const given = Object.entries(filter).filter(([, value]) => value !== undefined)
  const ended = phases.filter(isTerminal)
  return { ...Object.fromEntries(given), ...(ended.length > 0 && { phases: ended }) }
}
