import type { Context } from 'koa'
import type { Clock } from '../../../../core/lib/clock.ts'
import type { PullState } from '../../../../core/pulls/pull.ts'
import { filterParameters, matches, type PullFilter, parsePullFilter } from '../../events/filter.ts'
import { keepDoneMs, keepFailedMs } from '../../pages/live/follower.ts'
import { type Grouping, groupings } from '../../pages/live/group.ts'
import type { ImageBook } from '../../pages/live/image-book.ts'
import { namesOf } from '../../pages/live/image-names.ts'
import { livePage } from '../../pages/live/live-page.ts'
import type { HistoryReads } from '../history-reads.ts'
import type { LivePulls } from '../pulls.ts'
import { choice, limit, parseQuery, queryOf } from '../query.ts'
import type { PageFrame } from './frame.ts'

/** Ends of the last minutes that the page shows at most. */
const maxRecent = 200
const maxImages = 100

const parameters = { group: choice(groupings), rows: choice(['all']), from: limit(1_000_000) }

export interface LiveParts {
  readonly frame: PageFrame
  readonly live: LivePulls
  readonly reads: HistoryReads
  readonly images: ImageBook
  readonly nodeNames: () => readonly string[]
  readonly clock: Pick<Clock, 'now'>
}

/** GET /: what is pulled now, and what ended a moment ago. */
export function showLive({ frame, live, reads, images, nodeNames, clock }: LiveParts) {
  return async (ctx: Context): Promise<void> => {
    const query = queryOf(ctx)
    const { group = 'image', from = 0 } = parseQuery(query, parameters, filterParameters)
    const filter = parsePullFilter(query)
    const nowMs = clock.now()
    const recent = await recentEnds(reads, ctx, filter, nowMs)
    // After the ends: a pull may end meanwhile, and one that ended may go on.
    const { lastEventId, pulls } = live.snapshot(filter)
    const active = [...pulls].sort((a, b) => a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : 1))
    const ended = recent.filter(({ id }) => live.get(id) === undefined)
    frame.answer(ctx, {
      title: 'Live pulls',
      current: '/',
      scripts: ['live'],
      body: livePage({
        pulls: [...active, ...ended],
        lastEventId,
        by: group satisfies Grouping,
        ...{ query, from },
        imageNodes: imagesNow(images, live, nowMs),
        workerUrl: frame.assets.urlOf('stream-worker'),
        nowMs,
        nodes: nodeNames().length,
      }),
    })
  }
}

/** A page of what is pulled now must not fail because the past cannot be read. */
async function recentEnds(reads: HistoryReads, ctx: Context, filter: PullFilter, nowMs: number): Promise<PullState[]> {
  const page = await reads
    .ask(ctx, history => history.search({ sinceMs: nowMs - keepFailedMs }, maxRecent))
    .catch(() => undefined)
  return (page?.items ?? []).filter(
    pull =>
      matches(filter, pull) &&
      nowMs - (pull.completedAtMs ?? 0) < (pull.phase === 'completed' ? keepDoneMs : keepFailedMs),
  )
}

/** GET /pages/images?image=..: how far images have come on all nodes; for the page's own script. */
export function tellImages({ images, live, clock }: Pick<LiveParts, 'images' | 'live' | 'clock'>) {
  return (ctx: Context): void => {
    const names = queryOf(ctx).getAll('image').slice(0, maxImages)
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { items: names.map(imagesNow(images, live, clock.now())) }
  }
}

/** How far an image has come, by what ended and what goes on; the pulls that go on are sorted out once for all images. */
function imagesNow(images: ImageBook, live: LivePulls, nowMs: number) {
  const pulls = new Map<string, PullState[]>()
  for (const pull of live.snapshot().pulls) {
    for (const name of namesOf(pull)) {
      const named = pulls.get(name)
      if (named === undefined) pulls.set(name, [pull])
      else named.push(pull)
    }
  }
  return (imageRef: string) => images.of(imageRef, pulls.get(imageRef) ?? [], nowMs)
}
