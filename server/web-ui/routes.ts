import type { Clock } from '../../core/lib/clock.ts'
import type { TkStore } from '../store/tk-store.ts'
import type { HmacSecret } from '../tk/secrets.ts'
import { eventRoutes } from './events/routes.ts'
import { auditRoutes } from './handlers/audit.ts'
import { budgetRoutes } from './handlers/budgets.ts'
import { keyRoutes } from './handlers/keys.ts'
import { pauseRoutes } from './handlers/pause.ts'
import { ruleListRoutes } from './handlers/rule-list.ts'
import { userRoutes } from './handlers/users.ts'
import type { PauseView } from './pause-view.ts'
import type { Accounts } from './people/accounts.ts'
import type { Route } from './route.ts'
import { RuleMatches } from './rule-matches.ts'
import { ruleRoutes } from './rules/routes.ts'

export interface RouteParts {
  readonly store: TkStore
  readonly accounts: Accounts
  readonly pause: PauseView
  /** The secret that new API keys are hashed with. */
  readonly secret: () => Promise<HmacSecret>
  /** Where the pages of pulltrace-server are. */
  readonly pullsUrl: string | undefined
  readonly clock: Clock
}

/** Every page and form for who is signed in, with the role that it needs. */
export const webRoutes = (parts: RouteParts): readonly Route[] => [
  ...ruleListRoutes(parts.store, parts.pause, new RuleMatches({ events: parts.store.events, clock: parts.clock }), {
    links: true,
  }),
  ...ruleRoutes(parts),
  ...pauseRoutes(parts.store.rules, parts.pause),
  ...eventRoutes(parts.store, parts.clock, parts.pullsUrl),
  ...keyRoutes(parts.store.keys, parts.secret),
  ...userRoutes(parts.store.users, parts.accounts),
  ...auditRoutes(parts.store.audit),
  ...budgetRoutes(parts.store.budgets),
]
