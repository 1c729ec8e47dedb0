import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { RisingUuids } from '../../../core/lib/rising-uuids.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { ApiKey, NewApiKey, StoredSecret } from '../keys-store.ts'
import type { Actor } from '../rules-store.ts'
import { writeAudit } from './audit-database.ts'
import type { Statements } from './statements.ts'
import { transaction } from './transaction.ts'

type KeyRow = Omit<ApiKey, 'lastUsedAtMs' | 'revokedAtMs'> & {
  readonly lastUsedAtMs: number | null
  readonly revokedAtMs: number | null
}

const columns =
  'id, name, secret_id AS secretId, created_ms AS createdAtMs, last_used_ms AS lastUsedAtMs, revoked_ms AS revokedAtMs'

/** What a worker does with API keys. */
export class KeysDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #uuids = new RisingUuids()

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db
    this.#statements = statements
  }

  create({ name, secretId, hash }: NewApiKey, by: Actor, nowMs: number): ApiKey {
    return transaction(this.#db, () => {
      const known = this.findByHash(hash)
      if (known !== undefined) throw refuseKnown(known)
      const id = this.#uuids.next(nowMs)
      this.#statements
        .of('INSERT INTO api_keys (id, name, secret_id, hash, created_ms) VALUES (?, ?, ?, ?, ?)')
        .run(id, name, secretId, hash, nowMs)
      const key = this.#get(id)!
      writeAudit(this.#statements, [{ by, action: 'key.create', target: id, after: key }], nowMs)
      return key
    })
  }

  findByHash(hash: Uint8Array): ApiKey | undefined {
    const row = this.#statements.of(`SELECT ${columns} FROM api_keys WHERE hash = ?`).get(hash)
    return row && keyOf(row as unknown as KeyRow)
  }

  list(): readonly ApiKey[] {
    const rows = this.#statements.of(`SELECT ${columns} FROM api_keys ORDER BY seq DESC`).all()
    return (rows as unknown as KeyRow[]).map(keyOf)
  }

  revoke(id: string, by: Actor, nowMs: number): ApiKey {
    return transaction(this.#db, () => {
      const before = this.#get(id)
      if (before === undefined) throw refuseMissing(id)
      if (before.revokedAtMs !== undefined) return before
      this.#statements.of('UPDATE api_keys SET revoked_ms = ? WHERE id = ?').run(nowMs, id)
      const after = this.#get(id)!
      writeAudit(this.#statements, [{ by, action: 'key.revoke', target: id, before, after }], nowMs)
      return after
    })
  }

  /** Never back: of two that come late the newer one stays. */
  touch(id: string, usedAtMs: number): void {
    const sql = 'UPDATE api_keys SET last_used_ms = ? WHERE id = ? AND coalesce(last_used_ms, 0) < ?'
    transaction(this.#db, () => void this.#statements.of(sql).run(usedAtMs, id, usedAtMs))
  }

  storedSecret(): StoredSecret | undefined {
    return this.#statements.of('SELECT id, secret FROM secrets').get() as StoredSecret | undefined
  }

  /** The one that is there, else a new one: whoever comes second finds the first one's. */
  makeSecret(nowMs: number): StoredSecret {
    return transaction(this.#db, () => {
      const stored = this.storedSecret()
      if (stored !== undefined) return stored
      const made = { id: randomBytes(16).toString('hex'), secret: Uint8Array.from(randomBytes(32)) }
      this.#statements.of('INSERT INTO secrets VALUES (1, ?, ?, ?)').run(made.id, made.secret, nowMs)
      return made
    })
  }

  #get(id: string): ApiKey | undefined {
    const row = this.#statements.of(`SELECT ${columns} FROM api_keys WHERE id = ?`).get(id)
    return row && keyOf(row as unknown as KeyRow)
  }
}

function keyOf({ lastUsedAtMs, revokedAtMs, ...rest }: KeyRow): ApiKey {
  return {
    ...rest,
    ...(lastUsedAtMs !== null && { lastUsedAtMs }),
    ...(revokedAtMs !== null && { revokedAtMs }),
  }
}

function refuseKnown({ id, name, revokedAtMs }: ApiKey): PulltraceError {
  const revoked = revokedAtMs === undefined ? '' : ', and revoked'
  return new PulltraceError(Code.Conflict, `this key is registered already, as ${seenOf(name)} (${id})${revoked}`, {
    fix: 'use the registered one, or create a new key',
  })
}

function refuseMissing(id: string): PulltraceError {
  return new PulltraceError(Code.NotFound, `there is no API key with \`id\` ${seenOf(id)}`, {
    path: 'id',
    seen: seenOf(id),
    fix: 'list the keys to see their ids',
  })
}
