import { type Counts, judgeIn, type Test, testOf } from './condition-test.ts'
import { orderOf } from './cost.ts'
import { Faults } from './faults.ts'
import { Fields } from './fields.ts'
import type { Judge } from './judge.ts'
import { parseGroups } from './parse-condition.ts'
import { conditionStep, type Program, programOf, type Step, sampleStep } from './program.ts'
import { actions, type Condition, type SentRule } from './rule.ts'
import { Stop } from './run.ts'

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
  readonly program: Program
  /** Rule and condition of each step of the program. */
  readonly places: readonly { readonly rule: CompiledRule; readonly condition: CompiledCondition }[]
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
 * Compiles rules once, in the order in which they were received. To closures and tables, not to generated source: an
 * engine that lives in other people's programs must not ask them for `unsafe-eval`. A rule with a fault is left out.
 */
export function compileRules(rules: readonly SentRule[]): Compiled {
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
  return { set: ruleSetOf(rules, compiled, fields), faults }
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

function ruleSetOf(sent: readonly SentRule[], rules: readonly CompiledRule[], fields: Fields): RuleSet {
  const steps: Step[] = []
  const places: RuleSet['places'][number][] = []
  for (const rule of rules) {
    // A rule that is never sampled has no step.
    if (rule.rule.sample_rate === 0) continue
    const ofRule = stepsOf(fields, rule, steps.length)
    steps.push(...ofRule.map(({ step }) => step))
    places.push(...ofRule.map(({ condition }) => ({ rule, condition })))
  }
  return { sent, rules, program: programOf(steps, fields.all), places, fields, stop: new Stop(), busy: false }
}

/** The steps of one rule, which begin at `start`, and where each goes next. */
function stepsOf(fields: Fields, { rule, groups }: CompiledRule, start: number) {
  const first = groups[0]![0]!
  const steps = rule.sample_rate < 1 ? [{ step: sampleStep(rule), condition: first }] : []
  const next = start + steps.length + groups.reduce((sum, group) => sum + group.length, 0)
  for (const { step } of steps) Object.assign(step, { onFalse: next, onTrue: start + 1, nextRule: next })
  for (const group of groups) {
    const end = start + steps.length + group.length
    for (const condition of group) {
      const step = conditionStep(fields, condition.condition, condition.test)
      const after = start + steps.length + 1
      steps.push({
        step: Object.assign(step, { onFalse: end, onTrue: after === end ? 0 : after, nextRule: next }),
        condition,
      })
    }
  }
  return steps
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
