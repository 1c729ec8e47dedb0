import { type Counts, judgeIn, type Test, testOf } from './condition-test.ts'
import { orderOf } from './cost.ts'
import { Faults } from './faults.ts'
import { Fields } from './fields.ts'
import type { Judge } from './judge.ts'
import { parseGroups } from './parse-condition.ts'
import { programOf, type Step } from './program.ts'
import { actions, type Condition, type SentRule } from './rule.ts'
import { Stop } from './run.ts'
import { Screen, type UseOfCode } from './screen.ts'

export interface CompiledCondition {
  readonly condition: Condition
  readonly groupIndex: number
  /** Author index in its group. */
  readonly conditionIndex: number
  readonly test: Test
  readonly judge: Judge
}

export interface CompiledRule {
  readonly rule: SentRule
  /** Each group's conditions in evaluation order. */
  readonly groups: readonly (readonly CompiledCondition[])[]
  readonly counts: Counts
}

/** Rules in force, compiled. It holds one record at a time, and what was read of it; `evaluate` says what of reentry. */
export interface RuleSet {
  readonly sent: readonly SentRule[]
  readonly rules: readonly CompiledRule[]
  /** Of the steps of all rules. */
  readonly first: Step
  readonly screen: Screen
  /** Of the steps of those rules that the screen knows nothing of. */
  readonly unscreened: Step
  readonly fields: Fields
  readonly stop: Stop
  /** True while a record is under check. */
  busy: boolean
}

export interface CompileFault {
  readonly rule_id: string
  readonly version: number
  readonly message: string
}

export interface Compiled {
  readonly set: RuleSet
  readonly faults: readonly CompileFault[]
}

/**
 * Compiles rules once, in the order in which they were received: to closures and steps, and where the platform allows
 * it to code that knows when to ask neither. An engine that lives in other people's programs must not demand
 * `unsafe-eval` of them. A rule with a fault is left out.
 */
export function compileRules(rules: readonly SentRule[], code: UseOfCode = 'when used'): Compiled {
  const fields = new Fields()
  const faults: CompileFault[] = []
  const compiled: CompiledRule[] = []
  for (const rule of rules) {
    const found = new Faults()
    const any = parseGroups(found, 'any', rule.any)
    found.word('action', rule.action, actions)
    if (!(rule.sample_rate >= 0 && rule.sample_rate <= 1)) {
      found.add('sample_rate', 'a number from 0 to 1', rule.sample_rate)
    }
    const [first] = found.all
    if (first === undefined) compiled.push(compileRule(fields, rule, any))
    else faults.push({ rule_id: rule.rule_id, version: rule.version, message: first.message })
  }
  return { set: ruleSetOf(rules, compiled, fields, code), faults }
}

function compileRule(fields: Fields, rule: SentRule, any: SentRule['any']): CompiledRule {
  const counts: Counts = { unconverted: 0, errors: 0 }
  const groups = any.map((group, groupIndex) =>
    orderOf(group).map((conditionIndex): CompiledCondition => {
      const condition = group.all[conditionIndex]!
      const judge = judgeIn(fields, condition)
      return { condition, groupIndex, conditionIndex, judge, test: testOf(fields, condition, judge, counts) }
    }),
  )
  return { rule, groups, counts }
}

function ruleSetOf(
  sent: readonly SentRule[],
  rules: readonly CompiledRule[],
  fields: Fields,
  code: UseOfCode,
): RuleSet {
  const first = programOf(rules, fields)
  const screen = new Screen(rules, code)
  const others = rules.filter(rule => !screen.rules.has(rule))
  const unscreened = others.length === rules.length ? first : programOf(others, fields)
  return { sent, rules, first, screen, unscreened, fields, stop: new Stop(first), busy: false }
}

/** Puts a record under check. What its conditions read of it is kept until it is closed. */
export function openRecord(set: RuleSet, record: unknown): void {
  set.busy = true
  set.fields.open(record)
}

/** Keeps nothing of the record alive. */
export function closeRecord(set: RuleSet): void {
  set.fields.close()
  set.busy = false
}
