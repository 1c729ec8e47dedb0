import assert from 'node:assert/strict'
import fc from 'fast-check'
import stringWidth from 'string-width'
import type { Pull } from '../../core/contract/pull.ts'
import { createApi } from '../api.ts'
import { buildPull, openEventServer } from '../watch/event-server.fake.ts'
import { fetchHistory, historyTable, moreText, summaryTable } from './history.ts'
import { timeOf } from './history-time.ts'

const mib = 1024 * 1024
const nowMs = Date.parse('2026-11-21T10:05:12Z')
const ended = (over: Partial<Pull> = {}) =>
  buildPull({
    phase: 'completed',
    completedAt: '2026-11-21T10:00:12Z',
    percent: 100,
    downloadedBytes: 100 * mib,
    ...over,
  })

describe('historyTable', () => {
  const items = [
    ended({ cachedBytes: 40 * mib }),
    ended({ phase: 'failed', errorCode: 'NotFound', error: 'manifest unknown', imageRef: 'a:1' }),
  ]
  it('aligns what it knows of each pull', () => {
    assert.deepEqual(historyTable(items, 200, nowMs), [
      'ENDED      RESULT     TOOK     SIZE        RATE  CACHED  IMAGE                             NODE    REASON',
      '5m00s ago  completed   12s  100 MiB  12.5 MiB/s     40%  registry.example.com/team/app:v1  node-a',
      '5m00s ago  failed      12s  100 MiB  12.5 MiB/s      0%  a:1                               node-a  the registry has no such image (manifest unknown)',
    ])
  })
  it('leaves out what matters least where it is narrow', () => {
    const lines = historyTable(items, 60, nowMs)
    assert.equal(lines[0], 'ENDED      RESULT     TOOK  IMAGE               REASON')
    assert.ok(lines[2]!.includes('failed      12s  a:1'))
  })
  it('is never wider than asked, for any text', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constant('拉'.repeat(90)))
    const pull = fc.record({
      imageRef: text,
      nodeName: text,
      error: text,
      phase: fc.constantFrom('failed', 'completed', 'unknown'),
    })
    fc.assert(
      fc.property(fc.array(pull, { maxLength: 5 }), fc.integer({ min: 1, max: 200 }), (pulls, width) => {
        for (const line of historyTable(
          pulls.map(over => ended(over as Partial<Pull>)),
          width,
          nowMs,
        )) {
          assert.ok(stringWidth(line) <= width, line)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('summaryTable', () => {
  it('shows sums by what was asked for', () => {
    const item = {
      key: 'registry.example.com',
      count: 12,
      failed: 1,
      p50Seconds: 3.2,
      p95Seconds: null,
      bytes: 200 * mib,
      cachedBytes: 50 * mib,
    }
    assert.deepEqual(summaryTable('registry', [item], 200, false), [
      'REGISTRY              PULLS  FAILED   P50  P95     SIZE  CACHED',
      'registry.example.com     12       1  3.2s       200 MiB     25%',
    ])
  })
})

describe('fetchHistory', () => {
  const never = new AbortController().signal
  it('asks for as many pages as it needs and says whether there is more', async () => {
    const asked: string[] = []
    const server = await openEventServer((request, response) => {
      const { searchParams } = new URL(request.url!, 'http://x')
      asked.push(searchParams.toString())
      const page = Number(searchParams.get('cursor') ?? 0)
      const count = Number(searchParams.get('limit'))
      const items = Array.from({ length: count }, (_, index) => ended({ id: `${page}-${index}` }))
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ items, nextCursor: page === 1 ? null : String(page + 1) }))
    })
    try {
      const { items, more } = await fetchHistory(
        createApi(server.url, async () => undefined),
        { node: 'a', image: undefined },
        600,
        never,
      )
      assert.equal(items.length, 600)
      assert.equal(more, false)
      assert.deepEqual(asked, ['limit=500&node=a', 'limit=100&node=a&cursor=1'])
    } finally {
      await server.close()
    }
  })
  it('refuses what is no answer of a pulltrace server', async () => {
    const server = await openEventServer((_, response) => void response.end('{"items":[{"id":1}]}'))
    try {
      await assert.rejects(
        fetchHistory(
          createApi(server.url, async () => undefined),
          {},
          10,
          never,
        ),
        { code: 'invalid', message: /does not answer as a pulltrace server/ },
      )
    } finally {
      await server.close()
    }
  })
})

describe('moreText', () => {
  it('names no limit that would be refused', () => {
    assert.equal(moreText(50), 'there are more; --limit 500 shows them')
    assert.equal(moreText(200_000), 'there are more; --limit 1000000 shows them')
    assert.equal(moreText(1_000_000), 'there are more')
  })
})

describe('timeOf', () => {
  for (const [text, want] of [
    ['90m', '2026-11-21T08:35:12.000Z'],
    ['7d', '2026-11-14T10:05:12.000Z'],
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['2026-11-20T10:00:00+02:00', '2026-11-20T08:00:00.000Z'],
    ['yesterday', undefined],
    ['2026-02-30', undefined],
    ['2026-11-20 or so', undefined],
    ['2026-11-20T10:00 (noon)', undefined],
    ['2026-02-30T10:00:00Z', undefined],
    ['99999d', undefined],
    ['', undefined],
  ] as const) {
    it(`reads '${text}' as ${want}`, () => assert.equal(timeOf(text, nowMs), want))
  }
})
