import type { DatabaseSync } from 'node:sqlite'
import { AuditDatabase } from './audit-database.ts'
import { BudgetsDatabase } from './budgets-database.ts'
import { DatabaseFile } from './database-file.ts'
import { EventsDatabase } from './events-database.ts'
import { KeysDatabase } from './keys-database.ts'
import { RulesDatabase } from './rules-database.ts'
import { SessionsDatabase } from './sessions-database.ts'
import { UsersDatabase } from './users-database.ts'
import type { MethodOf, Methods, Part } from './worker-protocol.ts'

/** All that a worker of the tk services can be asked, by name: `rules.change`. */
export type TkMethods = Methods &
  Part<'rules', RulesDatabase> &
  Part<'keys', KeysDatabase> &
  Part<'audit', AuditDatabase> &
  Part<'events', EventsDatabase> &
  Part<'users', UsersDatabase> &
  Part<'sessions', SessionsDatabase> &
  Part<'budgets', BudgetsDatabase> &
  Part<'file', DatabaseFile>

/** One connection to the database of the tk services. */
export class TkDatabase extends DatabaseFile {
  readonly rules: RulesDatabase
  readonly keys: KeysDatabase
  readonly audit: AuditDatabase
  readonly events: EventsDatabase
  readonly users: UsersDatabase
  readonly sessions: SessionsDatabase
  readonly budgets: BudgetsDatabase
  readonly #readOnly: boolean

  constructor(db: DatabaseSync, file: string, readOnly: boolean) {
    super(db, file)
    this.#readOnly = readOnly
    this.rules = new RulesDatabase(db, this.statements)
    this.keys = new KeysDatabase(db, this.statements)
    this.audit = new AuditDatabase(db, this.statements)
    this.events = new EventsDatabase(db, this.statements, file)
    this.users = new UsersDatabase(db, this.statements)
    this.sessions = new SessionsDatabase(db, this.statements)
    this.budgets = new BudgetsDatabase(db, this.statements)
  }

  override probe(nowMs: number): void {
    if (this.#readOnly) this.statements.of('SELECT at_ms FROM probe').get()
    else super.probe(nowMs)
  }

  /** What a call names. */
  methodOf(name: string): (...args: readonly unknown[]) => unknown {
    const [part, method] = name.split('.') as [string, string | undefined]
    const parts: Record<string, object> = {
      rules: this.rules,
      keys: this.keys,
      audit: this.audit,
      events: this.events,
      users: this.users,
      sessions: this.sessions,
      budgets: this.budgets,
      file: this,
    }
    const owner = (method === undefined ? this : parts[part]) as Record<
      string,
      (...args: readonly unknown[]) => unknown
    >
    return owner[method ?? part]!.bind(owner)
  }
}

export type TkMethod = MethodOf<TkMethods>
