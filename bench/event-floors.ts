import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EventLoad } from './event-load.ts'

/** Events a second of a plain file: the records of a batch, then a sync. */
export function fsyncFloor(folder: string, load: EventLoad, batches: number): number {
  const texts = Array.from({ length: batches }, () =>
    load
      .batch()
      .events.map(event => event.recordJson)
      .join('\n'),
  )
  const events = load.batch().events.length * batches
  const file = openSync(path.join(folder, 'floor'), 'w')
  const startMs = performance.now()
  for (const text of texts) {
    writeSync(file, text)
    fdatasyncSync(file)
  }
  const tookMs = performance.now() - startMs
  closeSync(file)
  return (1000 * events) / tookMs
}

/** Events a second of SQLite itself: the same rows into one table without an index, one insert at a time, 5,000 a commit. */
export function sqliteFloor(folder: string, load: EventLoad, batches: number): number {
  const rows = Array.from({ length: batches }, () => load.batch()).flatMap(({ events }) => events)
  const db = new DatabaseSync(path.join(folder, `floor-${performance.now()}.db`))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384')
  db.exec(`CREATE TABLE events (event_id TEXT, rule_id TEXT, rule_version INTEGER, action TEXT, match_kind TEXT,
    group_index INTEGER, condition_index INTEGER, path TEXT, value TEXT, record TEXT, client_ms INTEGER, received_ms INTEGER)`)
  const insert = db.prepare(`INSERT INTO events VALUES (${Array(12).fill('?').join(', ')})`)
  const startMs = performance.now()
  for (const [i, event] of rows.entries()) {
    if (i % 5000 === 0) db.exec('BEGIN')
    insert.run(
      ...[event.eventId, event.ruleId, event.ruleVersion, event.action, event.matchKind, event.groupIndex],
      ...[event.conditionIndex, 'layers[0].bytes', event.matchedValueJson!, event.recordJson!],
      ...[event.clientAtMs, event.receivedAtMs],
    )
    if (i % 5000 === 4999 || i === rows.length - 1) db.exec('COMMIT')
  }
  const tookMs = performance.now() - startMs
  db.close()
  return (1000 * rows.length) / tookMs
}
