import type { Page } from './store.ts'

export interface AuditEntry {
  /** Rises. */
  readonly id: number
  readonly atMs: number
  readonly actor: string
  /**
   * `rule.create`, `rule.update`, `rule.delete`, `rules.pause`, `rules.resume`, `key.create`, `key.revoke`, `retention.run`, `events.delete`, `budgets.set`,
   * `user.create`, `user.password`, `user.role`, `user.delete`, `session.start`, `session.end`, `session.blocked`.
   */
  readonly action: string
  /** Id of the rule, key or user, a name for `session.blocked`; empty for the pause, a run of the retention, deleted events and the budgets. */
  readonly target: string
  readonly before?: unknown
  readonly after?: unknown
  readonly requestId?: string | undefined
  readonly address?: string | undefined
}

/** All given conditions hold at once; texts are exact. */
export interface AuditFilter {
  readonly actor?: string | undefined
  readonly action?: string | undefined
  readonly target?: string | undefined
}

/** Written in the same transaction as the change that it tells of; append-only. */
export interface AuditStore {
  /** Newest first. */
  search(limit: number, cursor?: string, filter?: AuditFilter): Promise<Page<AuditEntry>>
}
