import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Rule } from '../../../core/rules/rule.ts'
import type { TkStore } from '../../store/tk-store.ts'
import type { PageRequest } from '../route.ts'

/** What the pages of rules work with. */
export interface RuleParts {
  readonly store: Pick<TkStore, 'rules' | 'events' | 'budgets'>
  readonly clock: Clock
}

/** A rule has 64 KiB of JSON, and a record 1 MiB; the fields of a form take more than that. */
export const maxFormBytes = 4 * 1024 * 1024

export const rulePath = (ruleId: string): string => `/rules/${encodeURIComponent(ruleId)}`

/** @throws Code.NotFound */
export async function storedRule({ store }: RuleParts, { params }: PageRequest): Promise<Rule> {
  const rule = await store.rules.get(params['id']!)
  if (rule) return rule
  throw new PulltraceError(Code.NotFound, 'there is no such rule; it may have been deleted', {
    seen: params['id']!.slice(0, 80),
    fix: 'look for it in the list of rules',
  })
}
