import { limits } from '../../core/rules/limits.ts'
import type { Scope } from '../../core/rules/rule.ts'
import { applies } from '../../core/rules/scope.ts'

/** How many active rules have a scope. */
export interface ScopeCount {
  readonly scope: Scope
  readonly rules: number
}

export interface FullRuleSet {
  readonly tags: readonly string[]
  readonly rules: number
}

/**
 * A sensor that would get more rules than one may, because of rules that are switched on now. Asked of sensors with just
 * the tags of some active rule: nobody knows all that there are, and what others would get is refused when they sync.
 */
export function fullRuleSet(active: readonly ScopeCount[], switchedOn: readonly Scope[]): FullRuleSet | undefined {
  const byFirstTag = Map.groupBy(active, ({ scope }) => scope.tags[0])
  const tried = new Set<string>()
  for (const { scope } of active) {
    const tags = scope.tags.toSorted()
    const key = tags.join(' ')
    if (tried.has(key)) continue
    tried.add(key)
    const sensor = new Set(tags)
    if (!switchedOn.some(each => applies(each, sensor))) continue
    let rules = 0
    for (const first of [undefined, ...sensor]) {
      for (const each of byFirstTag.get(first) ?? []) if (applies(each.scope, sensor)) rules += each.rules
    }
    if (rules > limits.rulesInSet) return { tags, rules }
  }
  return undefined
}
