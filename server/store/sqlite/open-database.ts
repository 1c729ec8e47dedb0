import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createFolder } from '../../../core/lib/create-folder.ts'

/** How long to wait for a server that is still stopping. */
const busyTimeoutMs = 5000

/**
 * Opens or creates the one database of this process, and holds it alone.
 *
 * `locking_mode=EXCLUSIVE` is the lock of the instance: the kernel holds it for the
 * process and drops it with it, so nothing is left behind by kill -9 and no pid is
 * ever guessed. It also keeps the index of the WAL in memory: no -shm file, no
 * shared memory that the volume might not have.
 *
 * A file that is made here is its owner's alone, and so is the WAL, which SQLite makes like it.
 */
export function openDatabase(file: string): DatabaseSync {
  createFolder(path.dirname(file))
  createPrivately(file)
  const db = new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
  try {
    // The lock mode is fixed when the WAL is opened, auto_vacuum when the first page is written. Setting
    // it again would write to the file at every start, also to one that is damaged.
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number }
    if (pages === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL')
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    // 16 MiB of pages, and a WAL that gives its space back after a burst.
    db.exec('PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 8388608; PRAGMA temp_store = MEMORY')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Nobody else of this process has it open, whose locks closing it would drop (see `openSharedDatabase`). */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
