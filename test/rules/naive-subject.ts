import { naiveCheck } from './naive.ts'
import { naiveOrder, naiveRuleScore } from './naive-cost.ts'
import type { Subject } from './subject.ts'

export const naiveSubject: Subject = {
  check(rules, record, random) {
    const { action, matches } = naiveCheck(rules, record, random)
    return { action, matches: matches.map(({ rule, ...match }) => ({ rule: rule.rule_id, ...match })) }
  },
  scoreOf: naiveRuleScore,
  orderOf: naiveOrder,
}
