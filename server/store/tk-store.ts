import type { AuditStore } from './audit-store.ts'
import type { BudgetsStore } from './budgets-store.ts'
import type { EventsStore } from './events-store.ts'
import type { KeysStore } from './keys-store.ts'
import type { RulesStore } from './rules-store.ts'
import type { SessionsStore } from './sessions-store.ts'
import type { StoreHealth } from './store.ts'
import type { UsersStore } from './users-store.ts'

/** What the two tk services share: one database. Every engine passes the conformance suites beside these ports. */
export interface TkStore {
  readonly rules: RulesStore
  readonly keys: KeysStore
  readonly audit: AuditStore
  readonly events: EventsStore
  readonly users: UsersStore
  readonly sessions: SessionsStore
  readonly budgets: BudgetsStore
  /** Without waiting: for readiness and metrics. */
  health(): StoreHealth
  /** Finishes what was called before; whatever is called afterwards rejects with Code.Unavailable. */
  close(): Promise<void>
}
