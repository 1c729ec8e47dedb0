import type { DatabaseSync } from 'node:sqlite'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { RisingUuids } from '../../../core/lib/rising-uuids.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { Actor } from '../rules-store.ts'
import { type NewUser, nameKeyOf, type Role, type User, type UserWithHash } from '../users-store.ts'
import { writeAudit } from './audit-database.ts'
import type { Statements } from './statements.ts'
import { transaction } from './transaction.ts'
import { type UserRow, userColumns, userOf } from './user-rows.ts'

/** What a worker does with the people of the pages. */
export class UsersDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #uuids = new RisingUuids()

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db
    this.#statements = statements
  }

  list(): readonly User[] {
    const rows = this.#statements.of(`SELECT ${userColumns} FROM users ORDER BY name_key`).all()
    return (rows as unknown as UserRow[]).map(userOf)
  }

  get(id: string): UserWithHash | undefined {
    return this.#find('id', id)
  }

  findByName(name: string): UserWithHash | undefined {
    return this.#find('name_key', nameKeyOf(name))
  }

  create(user: NewUser, by: Actor, nowMs: number): User {
    return transaction(this.#db, () => {
      const known = this.findByName(user.name)
      if (known !== undefined) throw refuseKnown(known.user)
      return this.#insert(user, by, nowMs)
    })
  }

  createFirst(user: NewUser, by: Actor, nowMs: number): User | undefined {
    return transaction(this.#db, () =>
      this.#statements.of('SELECT 1 FROM users LIMIT 1').get() === undefined
        ? this.#insert(user, by, nowMs)
        : undefined,
    )
  }

  setPassword(
    id: string,
    { passwordHash, mustChangePassword }: Pick<NewUser, 'passwordHash' | 'mustChangePassword'>,
    by: Actor,
    nowMs: number,
  ): User {
    return transaction(this.#db, () => {
      const before = this.#mustFind(id)
      this.#statements
        .of('UPDATE users SET password_hash = ?, must_change = ? WHERE id = ?')
        .run(passwordHash, mustChangePassword ? 1 : 0, id)
      return this.#changed('user.password', before, by, nowMs)
    })
  }

  setRole(id: string, role: Role, by: Actor, nowMs: number): User {
    return transaction(this.#db, () => {
      const before = this.#mustFind(id)
      if (before.role === role) return before
      if (role !== 'admin') this.#keepAnAdmin(before)
      this.#statements.of('UPDATE users SET role = ? WHERE id = ?').run(role, id)
      return this.#changed('user.role', before, by, nowMs)
    })
  }

  remove(id: string, by: Actor, nowMs: number): void {
    transaction(this.#db, () => {
      const before = this.#mustFind(id)
      this.#keepAnAdmin(before)
      this.#statements.of('DELETE FROM users WHERE id = ?').run(id)
      writeAudit(this.#statements, [{ by, action: 'user.delete', target: id, before }], nowMs)
    })
  }

  #find(column: 'id' | 'name_key', value: string): UserWithHash | undefined {
    const row = this.#statements
      .of(`SELECT ${userColumns}, users.password_hash AS passwordHash FROM users WHERE ${column} = ?`)
      .get(value) as unknown as (UserRow & { readonly passwordHash: string }) | undefined
    if (row === undefined) return undefined
    const { passwordHash, ...user } = row
    return { user: userOf(user), passwordHash }
  }

  #mustFind(id: string): User {
    const found = this.get(id)
    if (found !== undefined) return found.user
    throw new PulltraceError(Code.NotFound, `there is no user with \`id\` ${seenOf(id)}`, {
      ...{ path: 'id', seen: seenOf(id) },
      fix: 'they may have been deleted: look at the list again',
    })
  }

  #insert({ name, role, passwordHash, mustChangePassword }: NewUser, by: Actor, nowMs: number): User {
    const id = this.#uuids.next(nowMs)
    this.#statements
      .of(
        `INSERT INTO users (id, name, name_key, role, password_hash, must_change, created_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, name, nameKeyOf(name), role, passwordHash, mustChangePassword ? 1 : 0, nowMs)
    const after = this.#mustFind(id)
    writeAudit(this.#statements, [{ by, action: 'user.create', target: id, after }], nowMs)
    return after
  }

  /** What somebody may do has changed: they sign in anew. */
  #changed(action: string, before: User, by: Actor, nowMs: number): User {
    this.#statements.of('DELETE FROM sessions WHERE user_id = ?').run(before.id)
    const after = this.#mustFind(before.id)
    writeAudit(this.#statements, [{ by, action, target: before.id, before, after }], nowMs)
    return after
  }

  #keepAnAdmin({ id, name, role }: User): void {
    if (role !== 'admin') return
    if (this.#statements.of(`SELECT 1 FROM users WHERE role = 'admin' AND id <> ? LIMIT 1`).get(id) !== undefined)
      return
    throw new PulltraceError(Code.Conflict, `${seenOf(name)} is the only admin`, {
      ...{ path: 'role', bound: 'at least one admin' },
      fix: 'make somebody else an admin first',
    })
  }
}

function refuseKnown({ name }: User): PulltraceError {
  return new PulltraceError(Code.Conflict, `there is a user named ${seenOf(name)} already`, {
    ...{ path: 'name', seen: seenOf(name) },
    fix: 'choose another name; upper and lower case are the same',
  })
}
