import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type HistoryGroup, type HistorySummary, historyGroups } from '../../core/contract/api.ts'
import { errorCodes, phases, terminalPhases } from '../../core/contract/words.ts'
import type { PullState } from '../../core/pulls/pull.ts'
import { endedAtMs, endedPull } from './ended-pull.fake.ts'
import { registryOf } from './registry.ts'
import type { HistoryFilter, HistoryStore, Page, TimeSummary } from './store.ts'

// Few values each, so that pulls meet in groups, ties and replacements.
const of = fc.constantFrom
const node = of('n1', 'n2')
const namespace = of('shop', 'bank')
const podName = of('web', 'api')
const image = of('r.example.com/a:1', 'r.example.com/b:1', 'nginx', '(unresolved)')
const endedAt = of(0, 1, 2, 3).map(seconds => endedAtMs + seconds * 1000)

const aPull = fc
  .record({
    id: of('p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8'),
    nodeName: node,
    imageRef: image,
    phase: of(...terminalPhases),
    errorCode: fc.option(of(...errorCodes.slice(0, 2)), { nil: undefined }),
    completedAtMs: endedAt,
    seconds: fc.nat(100),
    downloadedBytes: fc.nat(1000),
    pods: fc.array(
      fc.record({ namespace, podName, container: of('x', 'y'), certain: fc.boolean() }, { noNullPrototype: true }),
      { maxLength: 3 },
    ),
  })
  .map(({ id, seconds, ...rest }) =>
    endedPull(id, { ...rest, repository: undefined, startedAtMs: rest.completedAtMs - seconds * 1000 }),
  )

const aFilter: fc.Arbitrary<HistoryFilter> = fc.record(
  {
    node,
    namespace,
    pod: podName,
    image: of('a', 'r.example.com', 'nginx', 'none'),
    phases: fc.subarray([...phases]),
    errorCode: of(...errorCodes.slice(0, 2)),
    sinceMs: endedAt,
    untilMs: endedAt,
  },
  { requiredKeys: [], noNullPrototype: true },
)

/** Any sequence of appends equals a Map, for every search and every summary, page by page. */
export function describeHistoryProperties(open: () => Promise<HistoryStore>): void {
  it('equals a Map after any sequence of appends', async function () {
    this.timeout(180_000)
    const appends = fc.array(fc.array(aPull, { maxLength: 4 }), { maxLength: 8 })
    const asked = fc.array(fc.tuple(aFilter, of(...historyGroups), fc.integer({ min: 1, max: 4 })), {
      minLength: 10,
      maxLength: 10,
    })
    await fc.assert(
      fc.asyncProperty(appends, asked, async (batches, questions) => {
        const store = await open()
        try {
          const model = new Map<string, PullState>()
          for (const batch of batches) {
            await store.append(batch)
            for (const pull of batch) model.set(pull.id, pull)
          }
          assert.equal((await store.size()).pulls, model.size)
          for (const [filter, group, limit] of questions) {
            const found = await everyPage(cursor => store.search(filter, limit, cursor), limit)
            assert.deepEqual(found, searched(model, filter))
            const sums = await everyPage(cursor => store.summarize(group, filter, limit, cursor), limit)
            assert.deepEqual(sums, summarized(searched(model, filter), group))
            const spans = await store.summarizeTime(spanMs, filter, 1000)
            assert.deepEqual(spans, summarizedInTime(searched(model, filter)))
          }
        } finally {
          await store.close()
        }
      }),
      { numRuns: 30 },
    )
  })
}

async function everyPage<T>(get: (cursor: string | undefined) => Promise<Page<T>>, limit: number): Promise<T[]> {
  const all: T[] = []
  for (let cursor: string | undefined; ; ) {
    const { items, nextCursor } = await get(cursor)
    all.push(...items)
    if (nextCursor === undefined) return all
    assert.equal(items.length, limit, 'only the last page is short')
    cursor = nextCursor
  }
}

function searched(model: ReadonlyMap<string, PullState>, filter: HistoryFilter): PullState[] {
  const { node, namespace, pod, image, phases, errorCode, sinceMs = -Infinity, untilMs = Infinity } = filter
  const matches = (pull: PullState) =>
    (node === undefined || pull.nodeName === node) &&
    (image === undefined || pull.imageRef.includes(image)) &&
    (phases === undefined || phases.includes(pull.phase)) &&
    (errorCode === undefined || pull.errorCode === errorCode) &&
    pull.completedAtMs! >= sinceMs &&
    pull.completedAtMs! < untilMs &&
    ((namespace === undefined && pod === undefined) ||
      pull.pods.some(
        each =>
          (namespace === undefined || each.namespace === namespace) && (pod === undefined || each.podName === pod),
      ))
  // A Map keeps the place of a key that is set again, as the store does.
  return [...model.values()]
    .filter(matches)
    .reverse()
    .sort((a, b) => b.completedAtMs! - a.completedAtMs!)
}

const spanMs = 1000

function summarizedInTime(pulls: readonly PullState[]): TimeSummary[] {
  return [...Map.groupBy(pulls, pull => pull.completedAtMs! - (pull.completedAtMs! % spanMs))]
    .map(([startMs, members]) => ({ startMs, ...sumsOf(members) }))
    .sort((a, b) => a.startMs - b.startMs)
}

function summarized(pulls: readonly PullState[], group: HistoryGroup): HistorySummary[] {
  const keyOf = {
    image: (pull: PullState) => pull.imageRef,
    node: (pull: PullState) => pull.nodeName,
    registry: (pull: PullState) => registryOf(pull.imageRef),
  }[group]
  return [...Map.groupBy(pulls, keyOf)]
    .map(([key, members]) => ({ key, ...sumsOf(members) }))
    .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
}

function sumsOf(members: readonly PullState[]) {
  const done = members.filter(({ phase }) => phase === 'completed')
  const seconds = done.map(pull => (pull.completedAtMs! - pull.startedAtMs) / 1000).sort((a, b) => a - b)
  const rank = (percent: number) => seconds[Math.ceil((seconds.length * percent) / 100) - 1] ?? null
  return {
    count: members.length,
    failed: members.filter(({ phase }) => phase === 'failed').length,
    bytes: members.reduce((sum, pull) => sum + pull.downloadedBytes, 0),
    cachedBytes: members.reduce((sum, pull) => sum + pull.cachedBytes, 0),
    p50Seconds: rank(50),
    p95Seconds: rank(95),
  }
}
