import { parentPort, workerData } from 'node:worker_threads'
import { historyMigrations } from '../migrations/history.ts'
import { checkPages } from './database-file.ts'
import { HistoryDatabase } from './history-database.ts'
import { readHolder, removeHolder, writeHolder } from './holder.ts'
import { migrate } from './migrate.ts'
import { openDatabase } from './open-database.ts'
import { serveDatabase } from './serve-database.ts'
import { historyWords } from './store-words.ts'
import type { MethodOf, WorkerStart } from './worker-protocol.ts'

// The entry of the one thread that touches the disk.

const { file, nowMs, check } = workerData as WorkerStart

function open(): HistoryDatabase {
  const db = openDatabase(file)
  try {
    if (check) checkPages(db)
    migrate(db, file, historyMigrations, nowMs, historyWords)
    const history = new HistoryDatabase(db, file)
    // What a killed process had written but not synced, or a failed sync had dropped, may be readable here and yet not be
    // on the disk. It must be before anyone is told that it ended; a checkpoint writes and syncs all of it anew.
    history.checkpoint()
    history.probe(nowMs)
    writeHolder(file, nowMs)
    return history
  } catch (error) {
    db.close()
    throw error
  }
}

serveDatabase(parentPort!, {
  file,
  words: historyWords,
  open: () => {
    const history = open()
    return method => (history[method as MethodOf<HistoryDatabase>] as (...args: unknown[]) => unknown).bind(history)
  },
  closing: () => removeHolder(file),
  holder: () => readHolder(file),
  // This process has the file alone; whoever is still stopping is waited for when it is opened.
  waitForOthersMs: 0,
})
