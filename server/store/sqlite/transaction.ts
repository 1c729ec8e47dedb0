import type { DatabaseSync } from 'node:sqlite'

/** Runs `work` in one transaction that has the write lock from its start; nothing of it stays if it throws. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  return run(db, 'BEGIN IMMEDIATE', work)
}

/** Runs reads that see the database as it is at the first of them, whatever others write meanwhile. */
export function snapshot<T>(db: DatabaseSync, work: () => T): T {
  return run(db, 'BEGIN', work)
}

function run<T>(db: DatabaseSync, begin: string, work: () => T): T {
  db.exec(begin)
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite itself has rolled back after some errors, such as a full disk.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
