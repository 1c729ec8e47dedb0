import { closeSync, existsSync, linkSync, openSync, rmSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { threadId } from 'node:worker_threads'
import { createFolder } from '../../../core/lib/create-folder.ts'

/** Whoever waits longer asks again: `serveDatabase`. */
const busyTimeoutMs = 10

export interface SharedDatabaseOptions {
  readonly cacheMiB: number
}

/**
 * Opens or creates a database that several processes use at once: one writes, the others wait for it; readers wait for
 * nobody. The file is its owner's alone, and so are those beside it, which SQLite makes like it.
 */
export function openSharedDatabase(file: string, { cacheMiB }: SharedDatabaseOptions): DatabaseSync {
  createFolder(path.dirname(file))
  createPrivately(file)
  const db = new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
  try {
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number }
    // Must be set before the first page is written; setting it again would write to the file.
    if (pages === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL')
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages(file)}`)
    // A WAL that gives its space back after a burst.
    db.exec(`PRAGMA cache_size = -${cacheMiB * 1024}; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Pages that the WAL holds before they go into the file: 64 MiB, so that what is written again and again goes there
 * once (events are stored twice as fast as with SQLite's own 1,000 pages), but not much of a small volume.
 */
function checkpointPages(file: string): number {
  const { bavail, bsize } = statfsSync(path.dirname(file))
  return Math.max(1000, Math.min(16_384, Math.floor((bavail * bsize) / 16 / 4096)))
}

/**
 * Empty, and its owner's alone from its first moment. Made under another name: whoever opens a database by itself and
 * closes it again drops all locks that other threads of its process have on it (https://www.sqlite.org/howtocorrupt.html,
 * 2.2).
 */
function createPrivately(file: string): void {
  if (existsSync(file)) return
  const made = `${file}.${process.pid}-${threadId}.new`
  closeSync(openSync(made, 'w', 0o600))
  try {
    linkSync(made, file)
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(made)
  }
}
