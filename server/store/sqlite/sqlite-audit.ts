import type { AuditEntry, AuditFilter, AuditStore } from '../audit-store.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { Page } from '../store.ts'
import type { AuditRow } from './audit-database.ts'
import type { TkCalls } from './tk-calls.ts'

/** The audit log, through the workers. */
export class SqliteAudit implements AuditStore {
  readonly #calls: TkCalls

  constructor(calls: TkCalls) {
    this.#calls = calls
  }

  async search(limit: number, cursor?: string, filter: AuditFilter = {}): Promise<Page<AuditEntry>> {
    const [before] = cursor === undefined ? [] : (decodeCursor('audit', ['number'], cursor) as number[])
    const { items, last } = await this.#calls.read('audit.search', limit, before, filter)
    return { items: items.map(entryOf), nextCursor: last === undefined ? undefined : encodeCursor('audit', [last]) }
  }
}

function entryOf({ id, atMs, actor, action, target, before, after, requestId, address }: AuditRow): AuditEntry {
  return {
    ...{ id, atMs, actor, action, target },
    ...(before !== null && { before: JSON.parse(before) as unknown }),
    ...(after !== null && { after: JSON.parse(after) as unknown }),
    ...(requestId !== null && { requestId }),
    ...(address !== null && { address }),
  }
}
