import assert from 'node:assert/strict'
import { silentLogger } from '../../core/lib/log.ts'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import { runRetention } from './retention.ts'

const hour = 3_600_000

describe('retention of events', () => {
  it('runs at the start and every hour, goes on after a failure, and tells what it removed', async () => {
    const clock = new SteppedClock(1000 * hour)
    const stop = new AbortController()
    const asked: [number, number][] = []
    const told: unknown[] = []
    const prune = async (olderThanMs: number, maxBytes: number) => {
      asked.push([olderThanMs / hour, maxBytes])
      if (asked.length === 2) throw new Error('locked')
      return { byAge: 3, bySize: 0 }
    }
    const pruned = (removed: unknown, nowMs: number) => void told.push([removed, nowMs / hour])
    const parts = { store: { prune }, keepMs: 720 * hour, maxBytes: 5, pruned, clock, log: silentLogger }
    const running = runRetention(parts, stop.signal)
    for (let hours = 0; hours < 2; hours++) {
      await clock.whenSleeping()
      await clock.advance(hour)
    }
    await clock.whenSleeping()
    stop.abort()
    await running
    assert.deepEqual(asked, [
      [280, 5],
      [281, 5],
      [282, 5],
    ])
    assert.deepEqual(told, [
      [{ byAge: 3, bySize: 0 }, 1000],
      [{ byAge: 3, bySize: 0 }, 1002],
    ])
  })

  it('keeps events for ever when there is no bound', async () => {
    const clock = new SteppedClock(1000)
    const stop = new AbortController()
    const asked: number[] = []
    const prune = async (olderThanMs: number, maxBytes: number) => {
      asked.push(olderThanMs, maxBytes)
      return { byAge: 0, bySize: 0 }
    }
    const parts = { store: { prune }, keepMs: 0, maxBytes: 0, pruned: () => {}, clock, log: silentLogger }
    const running = runRetention(parts, stop.signal)
    await clock.whenSleeping()
    stop.abort()
    await running
    assert.deepEqual(asked, [0, 0])
  })
})
