import type { Migration } from './migration.ts'
import { rules } from './tk-0001-rules.ts'
import { keys } from './tk-0002-keys.ts'
import { events } from './tk-0003-events.ts'
import { users } from './tk-0004-users.ts'
import { retention } from './tk-0005-retention.ts'
import { budgets } from './tk-0006-budgets.ts'

/** The schema of what the two tk services share, in order. A new step is a new file and a line here. */
export const tkMigrations: readonly Migration[] = [rules, keys, events, users, retention, budgets]
