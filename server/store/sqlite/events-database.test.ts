import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { tkMigrations } from '../migrations/tk.ts'
import { eventBatch, eventId, sensorEvent } from '../sensor-event.fake.ts'
import { packBatch } from './event-packing.ts'
import { type SearchState, searchStart } from './event-search.ts'
import { migrate } from './migrate.ts'
import { openSharedDatabase } from './open-shared-database.ts'
import { SqliteEvents } from './sqlite-events.ts'
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
})
