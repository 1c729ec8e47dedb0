import { statfsSync, statSync } from 'node:fs'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { keepReserve, releaseReserve } from './reserve.ts'
import { Statements } from './statements.ts'
import { transaction } from './transaction.ts'

/** SQLite's own default, which every database here has. */
const pageBytes = 4096
const fewestPages = 16

/** What can be asked of any database here, whatever is in it. It has a table `probe (at_ms)`. */
export class DatabaseFile {
  protected readonly db: DatabaseSync
  protected readonly statements: Statements
  protected readonly file: string

  constructor(db: DatabaseSync, file: string) {
    this.db = db
    this.statements = new Statements(db)
    this.file = file
  }

  /** Gives up to `pages` free pages back, fewer on a volume that is nearly full; returns how many are left to give. */
  returnPages(pages: number): number {
    const { bavail, bsize } = statfsSync(path.dirname(this.file))
    // For each page that goes at the end of the file, others may be written to the WAL.
    const fitting = Math.floor((bavail * bsize) / pageBytes / 4)
    this.db.exec(`PRAGMA incremental_vacuum(${Math.max(fewestPages, Math.min(pages, fitting))})`)
    const left = this.statements.of('SELECT freelist_count AS pages FROM pragma_freelist_count').get()
    return (left as { pages: number }).pages
  }

  /** Moves the WAL into the file and empties it. */
  checkpoint(): void {
    this.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Sets room aside for the day on which the volume is full. */
  keepReserve(): void {
    keepReserve(this.file)
  }

  /** Whether there was room to give up. */
  releaseReserve(): boolean {
    return releaseReserve(this.file)
  }

  /** On disk, the WAL included. */
  bytes(): number {
    return sizeOf(this.file) + sizeOf(`${this.file}-wal`)
  }

  /** Throws unless a write reaches the disk. */
  probe(nowMs: number): void {
    transaction(this.db, () => {
      this.statements.of('DELETE FROM probe').run()
      this.statements.of('INSERT INTO probe VALUES (?)').run(nowMs)
    })
  }

  close(): void {
    this.db.close()
  }
}

/** Throws when a page is damaged. Reads all of them. */
export function checkPages(db: DatabaseSync): void {
  const { quick_check: found } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  if (found !== 'ok') throw Object.assign(new Error(found), { errcode: 11 })
}

/** 0 of a file that is not there. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
