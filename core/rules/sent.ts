import { scoreOf } from './cost.ts'
import type { AndGroup, Condition, Policy, Rule, SentRule } from './rule.ts'

/**
 * A rule as sensors get it. They know nothing of dry runs: one observes, and its `fail` policies skip, so that trying a
 * rule can never stop a job.
 */
export function sentRule(rule: Rule): SentRule {
  return {
    rule_id: rule.rule_id,
    version: rule.version,
    name: rule.name,
    action: rule.dry_run ? 'observe' : rule.action,
    sample_rate: rule.sample_rate,
    tags: rule.scope.tags,
    any: rule.dry_run ? rule.any.map(harmless) : rule.any,
    score: scoreOf(rule.any),
    created_at: rule.created_at,
  }
}

/** The active ones as sensors get them, cheapest first, ties by rule_id: the order in which they are tried. */
export function sendOrder(rules: readonly Rule[]): SentRule[] {
  return rules
    .filter(rule => rule.state === 'active')
    .map(sentRule)
    .sort((a, b) => a.score - b.score || (a.rule_id < b.rule_id ? -1 : Number(a.rule_id > b.rule_id)))
}

const harmless = (group: AndGroup): AndGroup => ({ all: group.all.map(withoutFail) })

const withoutFail = (condition: Condition): Condition => ({
  ...condition,
  on_missing_field: skipped(condition.on_missing_field),
  on_coercion_fail: skipped(condition.on_coercion_fail),
})

const skipped = (policy: Policy): Policy => (policy === 'fail' ? 'skip' : policy)
