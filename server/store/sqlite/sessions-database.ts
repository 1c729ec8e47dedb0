import type { DatabaseSync } from 'node:sqlite'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { Actor } from '../rules-store.ts'
import type { NewSession, Session } from '../sessions-store.ts'
import { writeAudit } from './audit-database.ts'
import type { Statements } from './statements.ts'
import { transaction } from './transaction.ts'
import { type UserRow, userColumns, userOf } from './user-rows.ts'

type SessionRow = UserRow & {
  readonly idleMs: number
  readonly startedAtMs: number
  readonly lastSeenAtMs: number
  readonly endsAtMs: number
}

const live = 'ends_ms > ? AND last_seen_ms + idle_ms > ?'

/** What a worker does with who is signed in. */
export class SessionsDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db
    this.#statements = statements
  }

  create({ tokenHash, userId, idleMs, endsAtMs }: NewSession, by: Actor, nowMs: number): void {
    transaction(this.#db, () => {
      const { changes } = this.#statements.of('UPDATE users SET last_sign_in_ms = ? WHERE id = ?').run(nowMs, userId)
      if (changes === 0) throw new PulltraceError(Code.NotFound, `there is no user with \`id\` ${seenOf(userId)}`)
      this.#statements
        .of('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)')
        .run(tokenHash, userId, nowMs, nowMs, idleMs, endsAtMs)
      writeAudit(this.#statements, [{ by, action: 'session.start', target: userId }], nowMs)
    })
  }

  find(tokenHash: Uint8Array, nowMs: number): Session | undefined {
    const row = this.#statements
      .of(
        `SELECT ${userColumns}, idle_ms AS idleMs, sessions.created_ms AS startedAtMs, last_seen_ms AS lastSeenAtMs,
        ends_ms AS endsAtMs FROM sessions JOIN users ON users.id = user_id WHERE token_hash = ? AND ${live}`,
      )
      .get(tokenHash, nowMs, nowMs) as unknown as SessionRow | undefined
    if (row === undefined) return undefined
    const { idleMs, startedAtMs, lastSeenAtMs, endsAtMs, ...user } = row
    return { user: userOf(user), idleMs, createdAtMs: startedAtMs, lastSeenAtMs, endsAtMs }
  }

  /** Never back, and never what is over. */
  touch(tokenHash: Uint8Array, nowMs: number): void {
    const sql = `UPDATE sessions SET last_seen_ms = ? WHERE token_hash = ? AND last_seen_ms < ? AND ${live}`
    transaction(this.#db, () => void this.#statements.of(sql).run(nowMs, tokenHash, nowMs, nowMs, nowMs))
  }

  end(tokenHash: Uint8Array, by: Actor, nowMs: number): void {
    transaction(this.#db, () => {
      const row = this.#statements
        .of('DELETE FROM sessions WHERE token_hash = ? RETURNING user_id AS id')
        .get(tokenHash)
      if (row === undefined) return
      writeAudit(this.#statements, [{ by, action: 'session.end', target: String(row['id']) }], nowMs)
    })
  }

  blocked(name: string, by: Actor, nowMs: number): void {
    transaction(this.#db, () => writeAudit(this.#statements, [{ by, action: 'session.blocked', target: name }], nowMs))
  }

  prune(nowMs: number): number {
    return transaction(this.#db, () =>
      Number(this.#statements.of(`DELETE FROM sessions WHERE NOT (${live})`).run(nowMs, nowMs).changes),
    )
  }
}
