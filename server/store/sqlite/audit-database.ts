import type { DatabaseSync } from 'node:sqlite'
import type { AuditFilter } from '../audit-store.ts'
import type { Actor } from '../rules-store.ts'
import type { Statements } from './statements.ts'
import { transaction } from './transaction.ts'

/** An entry as it is stored: what was before and after is JSON. */
export interface AuditRow {
  readonly id: number
  readonly atMs: number
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly before: string | null
  readonly after: string | null
  readonly requestId: string | null
  readonly address: string | null
}

export interface AuditedChange {
  readonly by: Actor
  /** A verb of `AuditEntry.action`. */
  readonly action: string
  readonly target: string
  /** Stored as JSON. */
  readonly before?: unknown
  readonly after?: unknown
}

export interface FoundAudit {
  readonly items: readonly AuditRow[]
  /** Id of the last item; undefined when nothing follows. */
  readonly last: number | undefined
}

const dayMs = 86_400_000
/** One more than is promised: the triggers of the table, which have a clock of their own, refuse what is younger. */
const keptMs = 401 * dayMs
/** At most so many go with one change, so that no change waits long. */
const prunedAtOnce = 200

/** Text of one page: two rules of 64 KB in each of a thousand entries would not fit the memory of a worker. */
const maxPageChars = 8 * 1024 * 1024

/** Inside the transaction of the change. Also forgets what is too old. */
export function writeAudit(statements: Statements, changes: readonly AuditedChange[], nowMs: number): void {
  for (const { by, action, target, before, after } of changes) {
    const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
    statements
      .of(
        `INSERT INTO audit (at_ms, actor, action, target, before, after, request_id, address)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(nowMs, by.name, action, target, json(before), json(after), by.requestId ?? null, by.address ?? null)
  }
  statements
    .of(
      `DELETE FROM audit WHERE id IN (
        SELECT id FROM audit WHERE at_ms < min(?, (unixepoch('subsec') * 1000)) - ? ORDER BY at_ms LIMIT ?)`,
    )
    .run(nowMs, keptMs, prunedAtOnce)
}

/** The log of who changed what. Whoever makes a change writes its entry in the same transaction. */
export class AuditDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db
    this.#statements = statements
  }

  /** Of what took many transactions. */
  record(change: AuditedChange, nowMs: number): void {
    transaction(this.#db, () => writeAudit(this.#statements, [change], nowMs))
  }

  /** Newest first; those before an id. */
  search(limit: number, beforeId: number | undefined, filter: AuditFilter): FoundAudit {
    const asked = (['actor', 'action', 'target'] as const).filter(column => filter[column] !== undefined)
    const rows = this.#statements
      .of(
        `SELECT id, at_ms AS atMs, actor, action, target, before, after, request_id AS requestId, address
        FROM audit WHERE id < ?${asked.map(column => ` AND ${column} = ?`).join('')} ORDER BY id DESC LIMIT ?`,
      )
      .iterate(
        beforeId ?? Number.MAX_SAFE_INTEGER,
        ...asked.map(column => filter[column]!),
        limit + 1,
      ) as unknown as Iterable<AuditRow>
    const items: AuditRow[] = []
    let chars = 0
    for (const row of rows) {
      chars += (row.before?.length ?? 0) + (row.after?.length ?? 0)
      if (items.length === limit || (items.length > 0 && chars > maxPageChars)) return { items, last: items.at(-1)!.id }
      items.push(row)
    }
    return { items, last: undefined }
  }
}
