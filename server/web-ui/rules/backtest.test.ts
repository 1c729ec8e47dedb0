import assert from 'node:assert/strict'
import type { FoundEvent } from '../../store/events-store.ts'
import { ruleContent } from '../../store/rule-content.fake.ts'
import { backtest, backtestLimits } from './backtest.ts'

const rule = ruleContent({ scope: { tags: ['pulls'], exclude_tags: [] }, sample_rate: 0, state: 'draft' })
const event = (at: number, changes: Partial<FoundEvent> = {}): FoundEvent => ({
  ...{ eventId: `event-${at}`, ruleId: 'r', ruleVersion: 1, action: 'observe', matchKind: 'VALUE', sensorId: 's' },
  ...{ groupIndex: 0, conditionIndex: 0, matchedPath: ['pinned'], matchedValueTruncated: false, apiKeyId: 'k' },
  ...{ tags: ['pulls', 'x'], metadata: {}, clientAtMs: at, receivedAtMs: at },
  recordJson: JSON.stringify({ pinned: at % 2 === 0 }),
  ...changes,
})

/** Pages of stored events, newest first, as the port gives them; each look at the time takes a millisecond. */
function parts(all: readonly FoundEvent[]) {
  let now = 0
  const asked: number[] = []
  const search = async (_: unknown, limit: number, cursor = '0') => {
    asked.push(limit)
    const end = Number(cursor) + limit
    return { items: all.slice(Number(cursor), end), nextCursor: end < all.length ? String(end) : undefined }
  }
  const slept: number[] = []
  const sleep = async (ms: number) => {
    slept.push(ms)
  }
  const clock = { now: () => 1000, monotonic: () => now++, sleep }
  return { asked, slept, parts: { events: { search }, clock } }
}

describe('backtest', () => {
  it('says of how many events it would have matched how many, and shows the newest', async () => {
    const all = Array.from({ length: 1200 }, (_, at) => event(1200 - at))
    const report = await backtest(rule, parts(all).parts)
    const { looked, tried, matched, endedBy, matches, oldestMs } = report
    assert.deepEqual(
      { looked, tried, matched, endedBy, oldestMs },
      { looked: 1200, tried: 1200, matched: 600, endedBy: 'all', oldestMs: 1 },
    )
    assert.equal(matches.length, 20)
    assert.deepEqual(
      matches.slice(0, 2).map(({ event, match }) => [event.eventId, match.value]),
      [
        ['event-1199', false],
        ['event-1197', false],
      ],
    )
  })

  it('ends at its count and at its time, and says which', async () => {
    const all = Array.from({ length: 900 }, (_, at) => event(900 - at))
    const { asked, parts: counted } = parts(all)
    const byCount = await backtest(rule, counted, { ...backtestLimits, events: 600 })
    assert.deepEqual([byCount.looked, byCount.endedBy, asked], [600, 'count', [500, 100]])
    const byTime = await backtest(rule, parts(all).parts, { ...backtestLimits, durationMs: 50 })
    assert.deepEqual([byTime.looked, byTime.endedBy], [48, 'time'])
  })

  it('counts apart what its tags leave out, what has no record, and errors of a policy', async () => {
    const strict = { ...rule, any: [{ all: [{ ...rule.any[0]!.all[0]!, on_missing_field: 'fail' as const }] }] }
    const all = [
      event(4, { tags: ['other'] }),
      event(3, { recordJson: undefined }),
      event(2, { recordJson: '{"half":' }),
      event(1, { recordJson: '{}' }),
    ]
    const { looked, tried, matched, failed, outOfScope, withoutRecord } = await backtest(strict, parts(all).parts)
    assert.deepEqual(
      { looked, tried, matched, failed, outOfScope, withoutRecord },
      { looked: 4, tried: 1, matched: 1, failed: 1, outOfScope: 1, withoutRecord: 2 },
    )
  })

  it('lets others have their turn while it looks', async () => {
    const { slept, parts: turns } = parts(Array.from({ length: 400 }, (_, at) => event(at)))
    await backtest(rule, turns)
    assert.equal(slept.length, 8)
  })

  it('looks at nothing more once its reader is gone', async () => {
    const { asked, parts: gone } = parts([event(1)])
    await assert.rejects(backtest(rule, { ...gone, signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.deepEqual(asked, [])
  })
})
