import { parentPort, workerData } from 'node:worker_threads'
import { tkMigrations } from '../migrations/tk.ts'
import { checkPages } from './database-file.ts'
import { migrate } from './migrate.ts'
import { openSharedDatabase } from './open-shared-database.ts'
import { serveDatabase } from './serve-database.ts'
import { tkWords } from './store-words.ts'
import { TkDatabase } from './tk-database.ts'
import type { WorkerStart } from './worker-protocol.ts'

// The entry of each thread that has the database of the tk services open: one that writes, others that read beside it.

const { file, nowMs, check, readOnly, lockTimeoutMs } = workerData as WorkerStart

function open(): TkDatabase {
  const db = openSharedDatabase(file, { cacheMiB: 32 })
  try {
    if (check) checkPages(db)
    migrate(db, file, tkMigrations, nowMs, tkWords)
    // What a killed process had written but not synced is readable here and yet may not be on the disk. It must be
    // before anyone is told of it; a checkpoint syncs the WAL first. It waits for no reader.
    if (!readOnly) db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    db.exec(`PRAGMA query_only = ${readOnly ? 'ON' : 'OFF'}`)
    const tk = new TkDatabase(db, file, readOnly)
    tk.probe(nowMs)
    return tk
  } catch (error) {
    db.close()
    throw error
  }
}

serveDatabase(parentPort!, {
  file,
  words: tkWords,
  open: () => {
    const tk = open()
    return method => tk.methodOf(method)
  },
  waitForOthersMs: lockTimeoutMs,
})
