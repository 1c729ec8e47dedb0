import type { AndGroup, Condition, SentRule } from '../../core/rules/rule.ts'
import { naiveCheck } from './naive.ts'
import { naiveOrder, naiveRuleScore } from './naive-cost.ts'
import { ruleOf, type Subject, type WrittenRule, withDefaults } from './subject.ts'

export const naiveSubject: Subject = {
  sent: sendOrderOf,
  check(rules, record, random) {
    const { action, matches } = naiveCheck(rules, record, random)
    return { action, matches: matches.map(({ rule, ...match }) => ({ rule: rule.rule_id, ...match })) }
  },
  scoreOf: naiveRuleScore,
  orderOf: naiveOrder,
}

/** What the server does before it sends: dry runs only observe, cheap rules come first, ties by id. */
function sendOrderOf(written: readonly WrittenRule[]): readonly SentRule[] {
  return written
    .map(({ id, action, sample_rate = 1, dry_run = false, any }) => {
      const groups = dry_run ? withoutFail(withDefaults(any)) : withDefaults(any)
      const effective = dry_run ? 'observe' : action === 'error' ? 'fail' : action
      return ruleOf({ rule_id: id, action: effective, sample_rate, any: groups, score: naiveRuleScore(groups) })
    })
    .sort((left, right) => left.score - right.score || (left.rule_id < right.rule_id ? -1 : 1))
}

const withoutFail = (any: readonly AndGroup[]): readonly AndGroup[] =>
  any.map(({ all }) => ({
    all: all.map(
      (condition): Condition => ({
        ...condition,
        on_missing_field: condition.on_missing_field === 'fail' ? 'skip' : condition.on_missing_field,
        on_coercion_fail: condition.on_coercion_fail === 'fail' ? 'skip' : condition.on_coercion_fail,
      }),
    ),
  }))
