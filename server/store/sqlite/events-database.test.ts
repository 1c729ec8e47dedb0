import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { tkMigrations } from '../migrations/tk.ts'
import { eventBatch, eventId, sensorEvent, unknownRuleId } from '../sensor-event.fake.ts'
import { countStart } from './event-counts.ts'
import { packBatch } from './event-packing.ts'
import { type SearchState, searchStart } from './event-search.ts'
import { migrate } from './migrate.ts'
import { openSharedDatabase } from './open-shared-database.ts'
import { type EventsOptions, SqliteEvents } from './sqlite-events.ts'
import { tkWords } from './store-words.ts'
import type { TkCalls } from './tk-calls.ts'
import { TkDatabase } from './tk-database.ts'

describe('EventsDatabase', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-events-database-'))
  const always = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER }
  let files = 0
  let db: DatabaseSync
  let tk: TkDatabase
  beforeEach(() => {
    const file = path.join(folder, `${files++}.db`)
    db = openSharedDatabase(file, { cacheMiB: 1 })
    migrate(db, file, tkMigrations, 1, tkWords)
    tk = new TkDatabase(db, file, false)
  })
  afterEach(() => db.close())
  after(() => rmSync(folder, { recursive: true }))

  const packed = (from: number, count: number, changes: Parameters<typeof sensorEvent>[1] = {}) =>
    packBatch(eventBatch(Array.from({ length: count }, (_, i) => sensorEvent(from + i, changes))))
  const countOf = (table: string) => (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n

  it('writes all batches of a group in one transaction: none of them when the last does not fit the disk', () => {
    tk.events.append([packed(0, 10)])
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number }
    db.exec(`PRAGMA max_page_count = ${pages + 40}`)
    const group = () => [packed(100, 10), packed(200, 1000)]
    assert.throws(() => tk.events.append(group()), { errcode: 13 })
    assert.equal(tk.events.size().events, 10)
    assert.equal(countOf('events'), 10)
    db.exec('PRAGMA max_page_count = 100000')
    assert.deepEqual(
      tk.events.append(group()).map(codes => (codes as Uint8Array).filter(code => code === 2).length),
      [10, 1000],
    )
    assert.equal(tk.events.size().events, 1020)
    const found = tk.events.search({ ...always, tag: 'production' }, 2000, searchStart(undefined), 10_000)
    assert.ok('rows' in found && found.rows.length === 1020)
  })

  it('fails the batch that holds what cannot be stored, and stores those beside it', () => {
    const answers = tk.events.append([packed(0, 2), packed(10, 2, { receivedAtMs: Number.NaN }), packed(20, 2)])
    assert.deepEqual(
      answers.map(answer => ('kind' in answer ? answer.kind : [...answer])),
      [[2, 2], 'internal', [2, 2]],
    )
    assert.equal(tk.events.size().events, 4)
  })

  it('leaves nothing behind of what was deleted, nor of requests that only repeated', () => {
    tk.events.append([packed(0, 100)])
    tk.events.append([packBatch(eventBatch([sensorEvent(5)], { sensorId: 'resent by another' }))])
    assert.equal(countOf('event_contexts'), 1)
    assert.deepEqual(tk.events.pruneSome(Number.MAX_SAFE_INTEGER, 0, 60), { byAge: 60, bySize: 0 })
    assert.equal(countOf('event_contexts'), 1)
    assert.deepEqual(tk.events.pruneSome(Number.MAX_SAFE_INTEGER, 0, 60), { byAge: 40, bySize: 0 })
    for (const table of ['events', 'event_records', 'event_terms', 'event_blocks', 'event_contexts']) {
      assert.equal(countOf(table), 0, table)
    }
  })

  it('finds what it wrote after another connection has written and deleted', () => {
    tk.events.append([packed(0, 30)])
    const other = new TkDatabase(db, '', false)
    other.events.append([packed(100, 30, { matchKind: 'MISSING_FAILED' })])
    tk.events.append([packed(200, 30)])
    other.events.pruneSome(Number.MAX_SAFE_INTEGER, 0, 5000)
    tk.events.append([packed(300, 30)])
    const found = tk.events.search({ ...always, matchKind: 'VALUE' }, 100, searchStart(undefined), 10_000)
    assert.ok('rows' in found)
    assert.equal(found.rows.length, 30)
  })

  it('ends a part of a search after its time and goes on from there, with the same answer', () => {
    for (let i = 0; i < 5; i++) tk.events.append([packed(1000 * i, 1000)])
    const whole = tk.events.search({ ...always, text: '"n":3' }, 100, searchStart(undefined), 10_000)
    let state: SearchState = searchStart(undefined)
    let parts = 1
    let answer = tk.events.search({ ...always, text: '"n":3' }, 100, state, -1)
    for (; 'state' in answer; parts++) {
      state = answer.state
      answer = tk.events.search({ ...always, text: '"n":3' }, 100, state, -1)
    }
    assert.ok(parts > 3, `${parts} parts`)
    assert.ok('rows' in whole && whole.rows.length === 100)
    assert.deepEqual(answer, whole)
  })

  it('leaves out what was deleted between two parts of a search', () => {
    for (let i = 0; i < 3; i++) tk.events.append([packed(1000 * i, 1000)])
    const parts = [searchStart(undefined), searchStart(undefined)] as [SearchState, SearchState]
    const go = (i: 0 | 1, forMs: number) =>
      i === 0 ? tk.events.search(always, 2000, parts[i], forMs) : tk.events.searchIds(always, 2000, parts[i], forMs)
    for (const i of [0, 1] as const) {
      const answer = go(i, -1)
      assert.ok('state' in answer && answer.state.found.length > 0)
      parts[i] = answer.state
    }
    const newest = Buffer.from(eventId(2999).replaceAll('-', ''), 'hex')
    tk.events.deleteEvents([newest])
    const [rows, ids] = [go(0, 10_000), go(1, 10_000)]
    assert.ok('rows' in rows && rows.rows.length === 1999 && rows.last)
    assert.ok('ids' in ids && ids.ids.length === 1999 && ids.last)
  })

  it('counts anew what was stored where the same ids were before', () => {
    const recordJson = '{}'
    const many = (from: number, ruleId: string, count: number) => packed(from, count, { recordJson, ruleId })
    const ids = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => Buffer.from(eventId(from + i).replaceAll('-', ''), 'hex'))
    const counts = () => {
      const answer = tk.events.countByRule(0, countStart, 10_000)
      assert.ok('counts' in answer)
      return [...answer.counts]
    }
    const [before, after] = [unknownRuleId, unknownRuleId.replace(/1$/, '2')]
    // A block that is full with 520 ids, of which 512 are left; then one of 512, with as many events and bytes.
    tk.events.append([many(0, before, 520)])
    tk.events.append([many(520, before, 1)])
    assert.equal(tk.events.deleteEvents(ids(100, 8)), 8)
    assert.deepEqual(counts(), [[before, 513]])
    assert.equal(tk.events.deleteEvents(ids(0, 521)), 513)
    tk.events.append([many(1000, after, 512)])
    tk.events.append([many(2000, after, 1)])
    assert.deepEqual(counts(), [[after, 513]])
  })

  it('finds an event by its id', () => {
    tk.events.append([packed(7, 1)])
    const row = tk.events.get(Buffer.from(eventId(7).replaceAll('-', ''), 'hex'))
    assert.equal(row?.record, sensorEvent(7).recordJson)
  })

  it('gives a search up that takes too long, and says what helps', async () => {
    const calls = { search: async () => ({ state: searchStart(undefined) }) } as unknown as TkCalls
    const endless = new SqliteEvents(calls, Date.now, { searchTimeoutMs: 5 })
    await assert.rejects(endless.search(always, 10), (error: Error & { code: string; details: { fix: string } }) => {
      assert.equal(error.code, 'timeout')
      assert.match(error.details.fix, /shorter time/)
      return true
    })
  })

  describe('deleting what is found', () => {
    const by = { name: 'user:root' }
    /** The database without its threads; `before` may fail, or answer for it. */
    const direct = (before: (method: string) => unknown, options?: EventsOptions) => {
      const call = async (method: string, ...args: readonly unknown[]) => before(method) ?? tk.methodOf(method)(...args)
      return new SqliteEvents({ search: call, write: call } as unknown as TkCalls, Date.now, options)
    }
    const noted = () =>
      tk.audit.search(10, undefined, { action: 'events.delete' }).items.map(({ after }) => JSON.parse(after!).deleted)
    /** Answers from the second time on. */
    const later = (method: string, answer: () => unknown) => {
      let asked = 0
      return (name: string) => (name === method && ++asked > 1 ? answer() : undefined)
    }
    beforeEach(() => {
      for (let i = 0; i < 3; i++) tk.events.append([packed(1000 * i, 1000)])
    })

    it('tells what is gone when looking for more takes too long', async () => {
      const slow = later('events.searchIds', () => ({ state: searchStart(undefined) }))
      const events = direct(slow, { searchTimeoutMs: 5 })
      assert.deepEqual(await events.deleteFound(always, 3000, by), { deleted: 1000, more: true })
      assert.equal(tk.events.size().events, 2000)
      assert.deepEqual(noted(), [1000, undefined])
    })

    it('notes what is gone when it fails half way', async () => {
      const events = direct(
        later('events.deleteEvents', () => {
          throw new Error('the disk is gone')
        }),
      )
      await assert.rejects(events.deleteFound(always, 3000, by), /the disk is gone/)
      assert.equal(tk.events.size().events, 2000)
      assert.deepEqual(noted(), [1000, undefined])
    })

    it('fails when the first search takes too long', async () => {
      const slow = (name: string) => (name === 'events.searchIds' ? { state: searchStart(undefined) } : undefined)
      const events = direct(slow, { searchTimeoutMs: 5 })
      await assert.rejects(events.deleteFound(always, 3000, by), { code: 'timeout' })
      assert.deepEqual(noted(), [0, undefined])
    })

    it('ends early when its time is over, or nobody waits for it any more', async () => {
      const hurried = direct(() => undefined, { deletionTimeMs: 0 })
      assert.deepEqual(await hurried.deleteFound(always, 3000, by), { deleted: 1000, more: true })
      const left = direct(() => undefined).deleteFound(always, 3000, by, AbortSignal.abort())
      assert.deepEqual(await left, { deleted: 1000, more: true })
      assert.deepEqual(await direct(() => undefined).deleteFound(always, 3000, by), { deleted: 1000, more: false })
    })

    it('reads no record to learn what goes', async () => {
      const asked = new Set<string>()
      const events = direct(name => {
        asked.add(name)
      })
      await events.deleteFound(always, 10, by)
      assert.deepEqual([...asked], ['audit.record', 'events.searchIds', 'events.deleteEvents'])
    })
  })
})
