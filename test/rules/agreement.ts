import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { RuleSet } from '../../core/rules/compile.ts'
import type { Condition, SentRule } from '../../core/rules/rule.ts'
import { looseRecords } from './arbitrary-records.ts'
import { brokenRules, ruleSets } from './arbitrary-rules.ts'
import { type Engine, usesOfCode } from './engine-subject.ts'
import { judge, naiveCheck, naiveCondition } from './naive.ts'
import { naiveMax, naiveMin, naiveOrder, naiveRuleScore, naiveScore } from './naive-cost.ts'
import { mapped } from './naive-mapping.ts'
import { candidatesOf } from './naive-paths.ts'
import { classOf } from './naive-values.ts'
import { recordsFor } from './planted-records.ts'
import type { CheckOutcome } from './subject.ts'

/** Two records for each rule set: what the engine remembers of the first must not show in the second. */
const cases = ruleSets.chain(rules => {
  const records = fc.oneof({ weight: 4, arbitrary: recordsFor(rules) }, { weight: 1, arbitrary: looseRecords })
  return fc.tuple(fc.constant(rules), records, records)
})
const draws = fc.array(fc.constantFrom(0, 0.2, 0.25, 0.4, 0.5, 0.99), { minLength: 8, maxLength: 8 })

/**
 * The law that engine and naive evaluator agree on every rule set and record: action, matches, kinds, paths, values,
 * random numbers drawn, and what `explain` tells of each condition; and the engine with itself, with and without code
 * made of the rules.
 */
export const agreementOf = (engine: Engine) =>
  fc.property(cases, brokenRules, draws, ([rules, ...pair], broken, numbers) => {
    const sets = usesOfCode.map(code => {
      const { set, faults } = engine.compileRules([...broken, ...rules], code)
      assert.deepEqual(
        faults.map(fault => fault.rule_id),
        broken.map(rule => rule.rule_id),
      )
      return set
    })
    for (const record of pair) {
      const expected = outcomeOf(numbers, random => {
        const { action, matches } = naiveCheck(rules, mapped(record), random)
        return { action, matches: matches.map(({ rule, ...match }) => ({ rule: rule.rule_id, ...match })) }
      })
      for (const set of sets) assert.deepStrictEqual(engineOutcome(engine, set, record, numbers), expected)
      assert.deepEqual(unconverted(sets[1]!), unconverted(sets[0]!))
      for (const rule of rules) assertExplains(engine, rule, record)
    }
  })

function engineOutcome(engine: Engine, set: RuleSet, record: unknown, numbers: readonly number[]) {
  return outcomeOf(numbers, random => {
    const matches: CheckOutcome['matches'][number][] = []
    const action = engine.evaluate(set, record, random, ({ rule, ...match }) => {
      matches.push({ rule: rule.rule_id, ...match, value: mapped(match.value) })
    })
    return { action, matches }
  })
}

/** Values that did not convert, by rule: a user is told of them. */
const unconverted = ({ rules }: RuleSet) => rules.map(({ counts }) => counts.unconverted)

function outcomeOf(numbers: readonly number[], check: (random: () => number) => CheckOutcome) {
  let drawn = 0
  const outcome = check(() => numbers[drawn++]!)
  return { ...outcome, drawn }
}

function assertExplains({ explain, costOf }: Engine, rule: SentRule, record: unknown): void {
  const { min, max } = costOf(rule.any)
  assert.deepEqual({ min, max }, { min: naiveMin(rule.any), max: naiveMax(rule.any) })
  const told = explain(rule, record)
  const { action, matches } = naiveCheck([{ ...rule, sample_rate: 1 }], mapped(record), () => 0)
  const isError = matches[0]?.kind.endsWith('FAILED')
  const seen = {
    action: told.action,
    score: told.score,
    result: told.result,
    groups: told.groups.map(group =>
      group.conditions.map(({ result, kind, score, position, policy, candidates }) => ({
        result,
        kind,
        score,
        position,
        policy,
        candidates: candidates.map(({ path, value, valueClass, finding }) => ({
          path,
          value: mapped(value),
          valueClass,
          finding,
        })),
      })),
    ),
  }
  assert.deepStrictEqual(seen, {
    action,
    score: naiveRuleScore(rule.any),
    result: isError ? 'error' : String(matches.length > 0),
    groups: rule.any.map(group =>
      group.all.map((condition, index) => ({
        ...naiveExplanation(condition, mapped(record)),
        score: naiveScore(condition),
        position: naiveOrder(group).indexOf(index),
      })),
    ),
  })
}

const findings = { T: 'holds', F: 'differs', M: 'missing', K: 'not convertible' } as const

function naiveExplanation(condition: Condition, record: unknown) {
  const { result, kind } = naiveCondition(condition, record)
  const candidates = candidatesOf(condition.field, record)
  const singles = candidates.map(({ value }) => judge(condition, value, record))
  const compares = condition.op !== 'exists' && condition.op !== 'is_null'
  const byPolicy = compares && !singles.includes('T') && !singles.includes('F')
  return {
    result,
    kind,
    policy: byPolicy ? (singles.includes('K') ? 'on_coercion_fail' : 'on_missing_field') : undefined,
    candidates: candidates.map(({ path, value }, index) => ({
      path,
      value,
      valueClass: classOf(value).toLowerCase(),
      finding: findings[singles[index]!],
    })),
  }
}
