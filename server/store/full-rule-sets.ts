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
  const byTag = Map.groupBy(active, rarestTag(active))
  const tried = new Set<string>()
  for (const { scope } of active) {
    const tags = scope.tags.toSorted()
    const key = tags.join(' ')
    if (tried.has(key)) continue
    tried.add(key)
    const sensor = new Set(tags)
    // Asked first, as it is soon answered: a database that is locked holds up what sensors report.
    if (!switchedOn.some(each => applies(each, sensor))) continue
    let rules = 0
    for (const tag of [undefined, ...sensor]) {
      for (const each of byTag.get(tag) ?? []) if (applies(each.scope, sensor)) rules += each.rules
    }
    if (rules > limits.rulesInSet) return { tags, rules }
  }
  return undefined
}

/** The tag of a scope that the fewest have: ten thousand scopes may share another, and each would be asked for each. */
function rarestTag(active: readonly ScopeCount[]): (counted: ScopeCount) => string | undefined {
  const scopes = new Map<string, number>()
  for (const { scope } of active) for (const tag of scope.tags) scopes.set(tag, (scopes.get(tag) ?? 0) + 1)
  return ({ scope }) => scope.tags.toSorted((a, b) => scopes.get(a)! - scopes.get(b)!)[0]
}
