import { Code, PulltraceError } from '../lib/errors.ts'
import { closeRecord, compileRules, openRecord, type RuleSet } from './compile.ts'
import { scoreOf } from './cost.ts'
import { type ConditionExplanation, explainCondition, type Truth } from './explain-condition.ts'
import type { Action, RuleContent, SentRule } from './rule.ts'

/** What a rule makes of a record, and why: for a playground and for tests. Sampling is not applied. */
export interface Explanation {
  readonly result: Truth
  readonly action: 'pass' | Action
  readonly score: number
  readonly groups: readonly GroupExplanation[]
}

export interface GroupExplanation {
  readonly result: Truth
  /** False when an earlier group, or an error, had decided. */
  readonly reached: boolean
  /** In author order. */
  readonly conditions: readonly ConditionExplanation[]
}

/**
 * Tries every condition of a rule, also those that a check would not reach.
 *
 * @throws Code.Invalid for a rule that cannot be put in force.
 */
export function explain(rule: SentRule | RuleContent, record: unknown): Explanation {
  const { set, faults } = compileRules(['tags' in rule ? rule : sentOf(rule)])
  if (faults.length > 0) throw new PulltraceError(Code.Invalid, faults[0]!.message)
  openRecord(set, record)
  try {
    return explainRule(set, record)
  } finally {
    closeRecord(set)
  }
}

/** A rule that no sensor has yet, to be tried as it is: a dry run does not soften it. */
export function sentOf({ name, action, sample_rate, scope, any }: RuleContent): SentRule {
  return { rule_id: '', version: 1, created_at: '', name, action, sample_rate, tags: scope.tags, any, score: 0 }
}

function explainRule(set: RuleSet, record: unknown): Explanation {
  const { rule, groups } = set.rules[0]!
  let decided: Truth | undefined
  const told = groups.map((group): GroupExplanation => {
    const reached = decided === undefined
    const conditions: ConditionExplanation[] = []
    let result: Truth = 'true'
    for (const [position, condition] of group.entries()) {
      const explained = explainCondition(condition, record, { position, reached: reached && result === 'true' })
      conditions[condition.conditionIndex] = explained
      if (result === 'true') result = explained.result
      // An exception ends the rule; a condition that is false leaves the next group to try.
      if (explained.reached && explained.exception !== undefined) decided = 'false'
    }
    if (reached && result !== 'false') decided ??= result
    return { result, reached, conditions }
  })
  const result = decided ?? 'false'
  const action = result === 'true' ? rule.action : result === 'error' ? 'fail' : 'pass'
  return { result, action, score: scoreOf(rule.any), groups: told }
}
