import assert from 'node:assert/strict'
import { layersFrom, layersOf } from '../../core/pulls/layers.ts'
import type { PullState } from '../../core/pulls/pull.ts'
import { advanceRate, bytesPerSecOf, fetchedBytesOf, firstRate, lastByteAtMsOf } from '../../core/pulls/rate.ts'
import { describeHistoryProperties } from './conformance-properties.ts'
import { endedAtMs, endedPull } from './ended-pull.fake.ts'
import type { HistoryFilter, HistoryStore } from './store.ts'

export interface HistoryParts {
  /** Our clock: says when a pull was appended. */
  readonly now: () => number
}

/** What any HistoryStore must do. `open` gives an empty store each time; the suite closes it. */
export function describeHistoryStore(engine: string, open: (parts: HistoryParts) => Promise<HistoryStore>): void {
  describe(`HistoryStore on ${engine}`, () => {
    let store: HistoryStore
    let nowMs: number
    beforeEach(async () => {
      nowMs = endedAtMs
      store = await open({ now: () => nowMs })
    })
    afterEach(() => store.close())

    const idsOf = async (filter: HistoryFilter) => (await store.search(filter, 100)).items.map(({ id }) => id)

    describe('append', () => {
      it('keeps the whole pull, with its layers and what is not known', async () => {
        const pull = endedPull('p1', { percent: undefined, pods: [pod('shop', 'web-1')] })
        await store.append([pull])
        assert.deepEqual(await store.get('p1'), pull)
        assert.deepEqual((await store.search({}, 10)).items, [pull])
      })

      it('keeps of the rate what a pull that goes on after all must not lose', async () => {
        const rate = advanceRate(advanceRate(firstRate(endedAtMs), endedAtMs + 1000, 300), endedAtMs + 2000, 0)
        await store.append([endedPull('p1', { phase: 'unknown', rate })])
        const kept = (await store.get('p1'))!.rate
        assert.deepEqual([fetchedBytesOf(kept), lastByteAtMsOf(kept)], [300, endedAtMs + 1000])
        assert.equal(bytesPerSecOf(kept), undefined)
      })

      it('keeps all pulls of one call, and nothing for an empty one', async () => {
        await store.append([])
        await store.append([endedPull('p1'), endedPull('p2')])
        assert.equal((await store.size()).pulls, 2)
      })

      it('replaces a pull that is there, in every filter', async () => {
        const unknown = endedPull('p1', { phase: 'unknown', imageRef: '(unresolved)', pods: [pod('shop', 'web-1')] })
        await store.append([unknown])
        const failed = endedPull('p1', { phase: 'failed', errorCode: 'NotFound', nodeName: 'node-b', pods: [] })
        await store.append([failed])
        assert.deepEqual(await store.get('p1'), failed)
        assert.equal((await store.size()).pulls, 1)
        for (const gone of [{ phases: ['unknown'] }, { image: 'unresolved' }, { node: 'node-a' }, { pod: 'web-1' }]) {
          assert.deepEqual(await idsOf(gone as HistoryFilter), [])
        }
        assert.deepEqual(
          await idsOf({ phases: ['failed'], errorCode: 'NotFound', node: 'node-b', image: 'team/app' }),
          ['p1'],
        )
      })

      it('keeps the last of two pulls with one id in one call', async () => {
        await store.append([endedPull('p1', { phase: 'unknown' }), endedPull('p1', { phase: 'completed' })])
        assert.deepEqual([...(await store.endsOf(['p1']))], [['p1', 'completed']])
      })

      it('takes what agents may claim: huge numbers, odd texts, many pods', async () => {
        const pods = Array.from({ length: 300 }, (_, i) => pod('shop', `web-${i}`))
        const text = `'"%_\u0000\u{1f40b}\ud800 ; DROP TABLE pulls`
        const pull = endedPull('p1', {
          imageRef: text,
          nodeName: text,
          error: text,
          downloadedBytes: 2 ** 60,
          cachedBytes: Number.MAX_SAFE_INTEGER,
          completedAtMs: Date.UTC(9999, 11, 31),
          pods: [...pods, ...pods],
        })
        await store.append([pull, endedPull('p2')])
        assert.equal((await store.get('p1'))?.pods.length, 600)
        assert.deepEqual(await idsOf({ namespace: 'shop', pod: 'web-299' }), ['p1'])
        assert.equal((await store.summarize('node', {}, 10)).items.length, 2)
      })

      it('sums no further than the numbers of its readers go', async () => {
        const claim = { downloadedBytes: Number.MAX_SAFE_INTEGER, cachedBytes: Number.MAX_SAFE_INTEGER }
        await store.append([endedPull('p1', claim), endedPull('p2', claim)])
        const [sum] = (await store.summarize('node', {}, 10)).items
        assert.deepEqual([sum?.bytes, sum?.cachedBytes], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
      })

      it('does not fail the others for one that cannot be stored', async () => {
        const broken = endedPull('broken', { completedAtMs: Number.NaN })
        const [first, second, third] = await Promise.allSettled([
          store.append([endedPull('p1')]),
          store.append([endedPull('p2'), broken]),
          store.append([endedPull('p3')]),
        ])
        assert.deepEqual([first.status, third.status], ['fulfilled', 'fulfilled'])
        assert.equal(second.status === 'rejected' && second.reason.code, 'internal')
        assert.deepEqual([...(await store.endsOf(['p1', 'p2', 'p3', 'broken'])).keys()].sort(), ['p1', 'p3'])
        assert.deepEqual(store.health(), { healthy: true })
      })

      it('settles many appends at once, each pull once', async () => {
        await Promise.all(Array.from({ length: 500 }, (_, i) => store.append([endedPull(`p${i % 250}`)])))
        assert.equal((await store.size()).pulls, 250)
      })
    })

    describe('endsOf and get', () => {
      it('know nothing of an empty store', async () => {
        assert.deepEqual(await store.endsOf(['p1']), new Map())
        assert.deepEqual(await store.endsOf([]), new Map())
        assert.equal(await store.get('p1'), undefined)
      })

      it('tell how each id ended and leave out the others', async () => {
        await store.append([
          endedPull('p1'),
          endedPull('p2', { phase: 'failed' }),
          endedPull('p3', { phase: 'unknown' }),
          endedPull('p4'),
        ])
        const many = Array.from({ length: 40_000 }, (_, i) => `none${i}`)
        const expected = new Map([
          ['p1', 'completed'],
          ['p2', 'failed'],
          ['p3', 'unknown'],
        ])
        assert.deepEqual(await store.endsOf(['p1', 'p2', 'p3', ...many]), expected)
      })
    })

    describe('search', () => {
      const at = (hours: number) => endedAtMs + hours * 3_600_000
      const rows: PullState[] = [
        endedPull('a', {
          completedAtMs: at(1),
          nodeName: 'node-a',
          pods: [pod('shop', 'web-1'), pod('bank', 'api-1')],
        }),
        endedPull('b', {
          completedAtMs: at(2),
          nodeName: 'node-b',
          phase: 'failed',
          errorCode: 'NoSpace',
          error: 'full',
        }),
        endedPull('c', { completedAtMs: at(3), imageRef: 'docker.io/library/nginx:1', pods: [pod('shop', 'web-2')] }),
        endedPull('d', {
          completedAtMs: at(3),
          phase: 'unknown',
          pods: [pod('shop', 'web-1'), pod('shop', 'web-1', 'init')],
        }),
      ]
      beforeEach(() => store.append(rows))

      for (const { name, filter, found } of [
        { name: 'everything, newest end first, ties newest append first', filter: {}, found: ['d', 'c', 'b', 'a'] },
        { name: 'a node', filter: { node: 'node-b' }, found: ['b'] },
        { name: 'a part of an image', filter: { image: 'nginx' }, found: ['c'] },
        { name: 'an image nobody pulled', filter: { image: 'redis' }, found: [] },
        { name: 'wildcards as what they are', filter: { image: '%' }, found: [] },
        { name: 'one phase', filter: { phases: ['failed'] }, found: ['b'] },
        { name: 'several phases', filter: { phases: ['failed', 'unknown'] }, found: ['d', 'b'] },
        { name: 'no phase', filter: { phases: [] }, found: [] },
        { name: 'an error code', filter: { errorCode: 'NoSpace' }, found: ['b'] },
        { name: 'a namespace, each pull once', filter: { namespace: 'shop' }, found: ['d', 'c', 'a'] },
        { name: 'a pod', filter: { pod: 'web-1' }, found: ['d', 'a'] },
        { name: 'namespace and name of one and the same pod', filter: { namespace: 'bank', pod: 'web-1' }, found: [] },
        { name: 'from a time on', filter: { sinceMs: at(2) }, found: ['d', 'c', 'b'] },
        { name: 'until before a time', filter: { untilMs: at(3) }, found: ['b', 'a'] },
        {
          name: 'all at once',
          filter: { namespace: 'shop', node: 'node-a', image: 'app', sinceMs: at(0) },
          found: ['d', 'a'],
        },
      ] as { name: string; filter: HistoryFilter; found: string[] }[]) {
        it(`finds ${name}`, async () => assert.deepEqual(await idsOf(filter), found))
      }

      it('gives every pull once over the pages, also while others are appended', async () => {
        const seen: string[] = []
        let cursor: string | undefined
        for (let page = 0; page < 5; page++) {
          const { items, nextCursor } = await store.search({ namespace: 'shop' }, 1, cursor)
          seen.push(...items.map(({ id }) => id))
          await store.append([endedPull(`new${page}`, { completedAtMs: at(4), pods: [pod('shop', 'web-9')] })])
          cursor = nextCursor
          if (cursor === undefined) break
        }
        assert.deepEqual(seen, ['d', 'c', 'a'])
      })

      it('gives shorter pages of large pulls, so that no page is larger than memory', async () => {
        const error = 'x'.repeat(1024 * 1024)
        const ids = Array.from({ length: 20 }, (_, i) => `large${i}`)
        await store.append(ids.map((id, i) => endedPull(id, { nodeName: 'large', completedAtMs: at(i), error })))
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await store.search({ node: 'large' }, 1000, cursor)
          assert.ok(page.items.length > 0 && page.items.length < ids.length)
          seen.push(...page.items.map(({ id }) => id))
          cursor = page.nextCursor
        } while (cursor !== undefined)
        assert.deepEqual(seen, ids.toReversed())
      })

      it('refuses a cursor it did not make', async () => {
        const other = (await store.summarize('image', {}, 1)).nextCursor
        assert.ok(other)
        for (const cursor of ['', 'x', '!!', other, Buffer.from('["pulls","1","2"]').toString('base64url')]) {
          await assert.rejects(store.search({}, 1, cursor), { code: 'invalid' })
          if (cursor !== other) await assert.rejects(store.summarize('image', {}, 1, cursor), { code: 'invalid' })
        }
      })
    })

    describe('summarize', () => {
      it('counts, sums and ranks the completed ones', async () => {
        const took = (id: string, seconds: number, changes: Partial<PullState> = {}) =>
          endedPull(id, { startedAtMs: endedAtMs - seconds * 1000, ...changes })
        await store.append([
          ...[4, 1, 3, 2].map(seconds => took(`a${seconds}`, seconds)),
          took('slow failure', 900, { phase: 'failed' }),
          took('b', 7, { nodeName: 'node-b', phase: 'failed', cachedBytes: 0 }),
        ])
        assert.deepEqual((await store.summarize('node', {}, 10)).items, [
          { key: 'node-a', count: 5, failed: 1, p50Seconds: 2, p95Seconds: 4, bytes: 15_000, cachedBytes: 5000 },
          { key: 'node-b', count: 1, failed: 1, p50Seconds: null, p95Seconds: null, bytes: 3000, cachedBytes: 0 },
        ])
      })

      it('groups by image and by registry, in pages, most pulls first, ties by key', async () => {
        const of = (imageRef: string, repository?: string) => ({ imageRef, repository })
        await store.append([
          endedPull('1', of('nginx:1')),
          endedPull('2', of('library/nginx:1')),
          endedPull('3', of('localhost:5000/app@sha256:aa', 'localhost:5000/app')),
          endedPull('4', of('localhost:5000/app@sha256:aa', 'localhost:5000/app')),
          endedPull('5', of('(unresolved)')),
        ])
        const keys = async (group: 'image' | 'registry', cursor?: string) => {
          const { items, nextCursor } = await store.summarize(group, {}, 2, cursor)
          return { keys: items.map(({ key, count }) => `${key} ${count}`), nextCursor }
        }
        assert.deepEqual((await keys('registry')).keys, ['docker.io 2', 'localhost:5000 2'])
        assert.deepEqual((await keys('registry', (await keys('registry')).nextCursor)).keys, ['(unknown) 1'])
        const first = await keys('image')
        assert.deepEqual(first.keys, ['localhost:5000/app@sha256:aa 2', '(unresolved) 1'])
        const last = await keys('image', first.nextCursor)
        assert.deepEqual(last, { keys: ['library/nginx:1 1', 'nginx:1 1'], nextCursor: undefined })
      })
    })

    describe('prune', () => {
      it('removes what was appended before, whatever the clock of its node said', async () => {
        await store.append([endedPull('old', { completedAtMs: Date.UTC(2099, 0, 1), pods: [pod('shop', 'web-1')] })])
        nowMs += 1000
        await store.append([endedPull('new', { completedAtMs: Date.UTC(1970, 0, 1) })])
        assert.equal(await store.prune(nowMs, Number.MAX_SAFE_INTEGER), 1)
        assert.deepEqual(await idsOf({}), ['new'])
        assert.deepEqual(await idsOf({ pod: 'web-1' }), [])
        assert.equal(await store.prune(nowMs, Number.MAX_SAFE_INTEGER), 0)
      })

      it('removes the oldest until the files are below the bound, and gives the space back', async () => {
        const [layer] = layersOf(endedPull('x').layers)
        const layers = layersFrom(Array.from({ length: 40 }, (_, i) => ({ ...layer!, digest: `sha256:${i}` })))
        for (let batch = 0; batch < 5; batch++) {
          nowMs += 1000
          await store.append(Array.from({ length: 100 }, (_, i) => endedPull(`${batch}-${i}`, { layers })))
        }
        const before = await store.size()
        const maxBytes = 2 * 1024 * 1024
        assert.ok(before.bytes > 2 * maxBytes, `${before.bytes} bytes`)
        const removed = await store.prune(0, maxBytes)
        const after = await store.size()
        assert.ok(after.bytes <= maxBytes, `${after.bytes} bytes`)
        assert.ok(after.bytes > maxBytes / 2, `${after.bytes} bytes`)
        assert.equal(after.pulls, before.pulls - removed)
        assert.deepEqual([...(await store.endsOf(['0-0', '4-99'])).keys()], ['4-99'])
      })

      it('ends early when told to, and leaves the rest to the next call', async () => {
        await store.append(Array.from({ length: 1200 }, (_, i) => endedPull(`p${i}`)))
        const stop = new AbortController()
        const pruning = store.prune(nowMs + 1, Number.MAX_SAFE_INTEGER, stop.signal)
        stop.abort()
        const removed = await pruning
        assert.ok(removed < 1200, `${removed} removed`)
        assert.equal(await store.prune(nowMs + 1, Number.MAX_SAFE_INTEGER), 1200 - removed)
      })
    })

    it('is healthy, and after close says so and takes nothing', async () => {
      await store.append([endedPull('p1')])
      assert.deepEqual(store.health(), { healthy: true })
      const late = store.append([endedPull('p2')])
      await store.close()
      await late
      assert.equal(store.health().healthy, false)
      await assert.rejects(store.append([endedPull('p3')]), { code: 'unavailable' })
      await assert.rejects(store.get('p1'), { code: 'unavailable' })
    })

    describeHistoryProperties(() => open({ now: () => nowMs }))
  })
}

function pod(namespace: string, podName: string, container = 'main') {
  return { namespace, podName, container, certain: true }
}
