import type { Route } from '../route.ts'
import { editRoutes } from './edit-routes.ts'
import { playgroundRoutes } from './playground-routes.ts'
import type { RuleParts } from './rule-parts.ts'
import { ruleRoutesOf } from './rule-routes.ts'

/** Every page of rules but their list. What is named stands before what `:id` would take. */
export const ruleRoutes = (parts: RuleParts): readonly Route[] => [
  ...editRoutes(parts),
  ...playgroundRoutes(parts),
  ...ruleRoutesOf(parts),
]
