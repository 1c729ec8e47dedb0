import path from 'node:path'
import type { TkStore } from '../tk-store.ts'
import { SqliteAudit } from './sqlite-audit.ts'
import { SqliteBudgets } from './sqlite-budgets.ts'
import { SqliteEvents } from './sqlite-events.ts'
import { SqliteKeys } from './sqlite-keys.ts'
import { SqliteRules } from './sqlite-rules.ts'
import { SqliteSessions } from './sqlite-sessions.ts'
import { SqliteUsers } from './sqlite-users.ts'
import { TkCalls } from './tk-calls.ts'
import type { SupervisorOptions } from './worker-supervisor.ts'

export interface SqliteTkOptions extends SupervisorOptions {
  /** The database; it is made, with its folder, if it is not there. Several processes may have it open. */
  readonly file: string
  /** How long a write waits for other processes that write. */
  readonly lockTimeoutMs?: number
}

/**
 * Returns at once; the file is opened in the background, and again and again while that fails. Calls wait for the first
 * try; after that they reject with Code.Unavailable while it is not open.
 */
export function openSqliteTk({ file, lockTimeoutMs = 5000, ...options }: SqliteTkOptions): TkStore {
  const calls = new TkCalls(path.resolve(file), lockTimeoutMs, options)
  const now = () => options.clock.now()
  const events = new SqliteEvents(calls, now)
  return {
    rules: new SqliteRules(calls, now),
    keys: new SqliteKeys(calls, now),
    audit: new SqliteAudit(calls),
    events,
    users: new SqliteUsers(calls, now),
    sessions: new SqliteSessions(calls, now),
    budgets: new SqliteBudgets(calls, now),
    health: () => calls.health(),
    close: async () => {
      await events.close()
      await calls.close()
    },
  }
}
