import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Migration } from '../migrations/migration.ts'
import { StoreFault } from './failure.ts'
import type { StoreWords } from './store-words.ts'
import { transaction } from './transaction.ts'

interface Applied {
  readonly version: number
  readonly name: string
  readonly checksum: string
}

/**
 * Brings a database to the newest version in one transaction that holds the write
 * lock from its first read: two starters cannot both run a step, and one that
 * dies in the middle leaves nothing behind. Returns the names of the steps that ran. A database that has them
 * all is only read, so that it can be opened while somebody writes.
 */
export function migrate(
  db: DatabaseSync,
  file: string,
  migrations: readonly Migration[],
  nowMs: number,
  words: StoreWords,
): readonly string[] {
  const pendingOf = (applied: readonly Applied[]) => {
    refuseUnknown(applied, file, migrations, words)
    return migrations.slice(applied.length)
  }
  refuseForeign(db, file, words)
  if (hasTable(db) && pendingOf(appliedTo(db)).length === 0) return []
  return transaction(db, () => {
    refuseForeign(db, file, words)
    db.exec(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_ms INTEGER NOT NULL
    ) STRICT`)
    const pending = pendingOf(appliedTo(db))
    const remember = db.prepare('INSERT INTO schema_migrations VALUES (?, ?, ?, ?)')
    for (const step of pending) {
      db.exec(step.sqlite)
      remember.run(step.version, step.name, checksumOf(step), nowMs)
    }
    return pending.map(step => step.name)
  })
}

function hasTable(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'").get() !== undefined
}

function appliedTo(db: DatabaseSync): readonly Applied[] {
  const rows = db.prepare('SELECT version, name, checksum FROM schema_migrations ORDER BY version').all()
  return rows as unknown as Applied[]
}

/** Invariant: what was applied is exactly the first steps that this program knows. */
function refuseUnknown(
  applied: readonly Applied[],
  file: string,
  migrations: readonly Migration[],
  words: StoreWords,
): void {
  for (const [index, { version, name, checksum }] of applied.entries()) {
    const known = migrations[index]
    if (known === undefined) {
      throw new StoreFault(
        'schema',
        `${file} was written by a newer version: it has schema ${name}, this program knows ${migrations.length} steps`,
        `run the newer version again, or move the file away to start ${words.emptied}`,
      )
    }
    if (known.version !== version || known.name !== name || checksumOf(known) !== checksum) {
      throw new StoreFault(
        'schema',
        `${file} has schema step ${name} (version ${version}) with another text than this program's ${known.name}`,
        `run the version that wrote it, or move the file away to start ${words.emptied}`,
      )
    }
  }
}

function refuseForeign(db: DatabaseSync, file: string, words: StoreWords): void {
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as unknown as { name: string }[]
  if (names.length === 0 || names.some(({ name }) => name === 'schema_migrations')) return
  throw new StoreFault(
    'foreign',
    `${file} is a database of another program: it has a table '${names[0]!.name}' and no 'schema_migrations'`,
    `move the file away, or set ${words.placeSetting} to another place`,
  )
}

/** Of what runs, not of how it is indented. */
function checksumOf({ sqlite }: Migration): string {
  return createHash('sha256').update(sqlite.replace(/\s+/g, ' ').trim()).digest('hex')
}
