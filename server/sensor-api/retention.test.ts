import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { silentLogger } from '../../core/lib/log.ts'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import type { EventsSize, RetentionRun } from '../store/events-store.ts'
import type { StoreHealth } from '../store/store.ts'
import { eventsBound } from './events-bound.ts'
import { type RetentionParts, runRetention } from './retention.ts'

const hour = 3_600_000
const looksAnHour = 360
const { blocks, bsize } = statfsSync(tmpdir())
const volumeBytes = blocks * bsize
const size = (changes: Partial<EventsSize> = {}): EventsSize => ({
  events: 10,
  bytes: 0,
  databaseBytes: 4096,
  freeBytes: 0,
  ...changes,
})
const full: StoreHealth = { healthy: false, kind: 'disk_full', reason: '', fix: '' }

const quiet = {
  health: () => ({ healthy: true }) as const,
  databaseFile: path.join(tmpdir(), 'tk.db'),
  keepMs: 720 * hour,
  maxBytes: 5,
  pruned: () => {},
  log: silentLogger,
}

/** Runs it until the test is over; `looks` moves its clock by so many of its looks at the volume. */
function start(parts: Partial<RetentionParts> & { readonly size?: () => EventsSize } = {}) {
  const clock = new SteppedClock(1000 * hour)
  const stop = new AbortController()
  const asked: [number, number][] = []
  const told: unknown[] = []
  const noted: RetentionRun[] = []
  const prune = async (olderThanMs: number, maxBytes: number) => {
    asked.push([olderThanMs / hour, maxBytes])
    if (asked.length === 2) throw new Error('locked')
    return { byAge: 3, bySize: 0 }
  }
  const running = runRetention(
    {
      store: { prune, size: async () => parts.size?.() ?? size(), noteRetention: async run => void noted.push(run) },
      ...quiet,
      pruned: (removed, nowMs) => void told.push([removed, nowMs / hour]),
      clock,
      ...parts,
    },
    stop.signal,
  )
  return {
    asked,
    told,
    noted,
    async looks(count: number) {
      for (let i = 0; i < count; i++) {
        await clock.whenSleeping()
        await clock.advance(10_000)
      }
      await clock.whenSleeping()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

describe('retention of events', () => {
  it('runs at the start and every hour, goes on after a failure, and tells what it removed', async () => {
    await using retention = start()
    await retention.looks(2 * looksAnHour)
    assert.deepEqual(retention.asked, [
      [280, 5],
      [281, 5],
      [282, 5],
    ])
    assert.deepEqual(retention.told, [
      [{ byAge: 3, bySize: 0 }, 1000],
      [{ byAge: 3, bySize: 0 }, 1002],
    ])
    assert.deepEqual(retention.noted, Array(2).fill({ keepMs: 720 * hour, maxBytes: 5, byAge: 3, bySize: 0 }))
  })

  it('ends a run that is under way when it is to stop', async () => {
    const stop = new AbortController()
    const begun = Promise.withResolvers<void>()
    const prune = (_: number, __: number, signal?: AbortSignal) => {
      begun.resolve()
      return new Promise<{ byAge: number; bySize: number }>(resolve =>
        signal?.addEventListener('abort', () => resolve({ byAge: 0, bySize: 0 }), { once: true }),
      )
    }
    const store = { prune, size: async () => size(), noteRetention: async () => {} }
    const running = runRetention({ ...quiet, store, clock: new SteppedClock() }, stop.signal)
    await begun.promise
    stop.abort()
    await running
  })

  it('keeps events for ever when there is no bound', async () => {
    await using retention = start({ keepMs: 0, maxBytes: 0 })
    await retention.looks(1)
    assert.deepEqual(retention.asked, [[0, 0]])
  })

  it('does not wait for its hour when events fill the volume', async () => {
    let health: StoreHealth = { healthy: true }
    await using retention = start({
      health: () => health,
      size: () => size(health.healthy ? {} : { bytes: 1000, databaseBytes: volumeBytes }),
    })
    await retention.looks(3)
    assert.equal(retention.asked.length, 1)
    health = full
    await retention.looks(1)
    assert.deepEqual(retention.asked.slice(1), [[280 + 40_000 / hour, 5]])
  })

  it('removes nothing of a volume that others have filled', async () => {
    await using retention = start({ health: () => full })
    await retention.looks(looksAnHour)
    assert.deepEqual(retention.asked, [])
  })

  it('waits for a database that cannot be used, and then does not wait for the next hour', async () => {
    let health: StoreHealth = { healthy: false, kind: 'locked', reason: '', fix: '' }
    await using retention = start({ health: () => health })
    await retention.looks(2)
    assert.deepEqual(retention.asked, [])
    health = { healthy: true }
    await retention.looks(1)
    assert.equal(retention.asked.length, 1)
  })
})

describe('what events may take', () => {
  const bound = (changes: Partial<EventsSize>, configured: number, isFull = false) =>
    eventsBound(tmpdir(), size(changes), configured, isFull)

  it('is what is configured, while the volume has room', async () => {
    assert.deepEqual([await bound({}, 0), await bound({}, 1000)], [0, 1000])
  })

  it('is a share of what they take, where the database takes more than 70 % of its volume', async () => {
    const grown = { bytes: 1_000_000, databaseBytes: volumeBytes }
    assert.equal(await bound(grown, 0, true), Math.floor(0.95 * 0.7 * 1_000_000))
    assert.equal(await bound(grown, 1000, true), 1000)
    assert.equal(await bound({ ...grown, bytes: 0 }, 0, true), 1, '0 would be no bound')
  })

  it('leaves what waits for new rows out of account', async () => {
    assert.equal(await bound({ bytes: 1000, databaseBytes: volumeBytes, freeBytes: volumeBytes / 2 }, 0, true), 0)
  })

  it('is none of a full volume that others have filled', async () => {
    assert.equal(await bound({ bytes: 100, databaseBytes: volumeBytes / 4 }, 1000, true), undefined)
  })

  it('is a little less each time, of a full volume that the history of pulls has filled with us', async () => {
    const half = { bytes: 1_000_000, databaseBytes: volumeBytes / 2 }
    assert.equal(await bound(half, 0, true), Math.floor(0.95 * 0.9 * 1_000_000))
  })
})
