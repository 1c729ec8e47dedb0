import { parentPort, workerData } from 'node:worker_threads'
import { historyMigrations } from '../migrations/history.ts'
import { failureOf } from './failure.ts'
import { HistoryDatabase } from './history-database.ts'
import type { Answer, Call, WorkerStart } from './history-worker-protocol.ts'
import { readHolder, removeHolder, writeHolder } from './holder.ts'
import { migrate } from './migrate.ts'
import { openDatabase } from './open-database.ts'
import { releaseReserve } from './reserve.ts'

// The entry of the one thread that touches the disk. It opens the database, says so, and then answers one call after
// the other. An error that is not an answer (out of memory) ends the thread; the server sees that and starts another.

const { file, nowMs, check } = workerData as WorkerStart
const port = parentPort!
const post = (answer: Answer) => port.postMessage(answer)

function open(): HistoryDatabase {
  const db = openDatabase(file)
  try {
    if (check) {
      const { quick_check: found } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
      if (found !== 'ok') throw Object.assign(new Error(found), { errcode: 11 })
    }
    migrate(db, file, historyMigrations, nowMs)
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

function serve(history: HistoryDatabase): void {
  port.on('message', ({ id, method, args }: Call) => {
    try {
      if (method === 'close') removeHolder(file)
      const value = (history[method] as (...args: unknown[]) => unknown)(...args)
      post({ id, value })
      if (method === 'close') port.close()
    } catch (error) {
      post({ id, failure: failureOf(error, file) })
    }
  })
}

/** A history that had filled its volume when it was closed needs room even to be opened: its own. */
function openInAnyCase(): HistoryDatabase {
  try {
    return open()
  } catch (error) {
    if (failureOf(error, file).kind !== 'disk_full' || !releaseReserve(file)) throw error
    return open()
  }
}

try {
  serve(openInAnyCase())
  post({ id: 0, value: undefined })
} catch (error) {
  const failure = failureOf(error, file)
  // Who holds it is read only now: the note belongs to whoever has the lock.
  const holder = failure.kind === 'in_use' ? readHolder(file) : undefined
  post({ id: 0, failure: holder ? failureOf(error, file, holder) : failure })
  port.close()
}
