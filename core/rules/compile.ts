import { orderOf } from './cost.ts'
import { Faults } from './faults.ts'
import { Field, type Round, WildcardField } from './fields.ts'
import { type Judge, judgeOf, judgePairOf } from './judge.ts'
import { parseGroups } from './parse-condition.ts'
import { type Action, actions, type Condition, type FieldPath, type Policy, type SentRule } from './rule.ts'
import { differs, type Finding, holds, unconvertible } from './values.ts'

/**
 * What a condition comes to. 0 is false, 1 to 3 are true, 4 and 5 end the check; from 1 on, one less is its index in
 * `matchKinds`.
 */
export type Result = number
export const no = 0
export const byValue = 1
export const byMissing = 2
export const byCoercion = 3
export const missingFailed = 4
export const coercionFailed = 5

/** Tries a condition on the record under check. */
export type Test = () => Result

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
  readonly sampleRate: number
  /** Each group's conditions in evaluation order. */
  readonly groups: readonly (readonly CompiledCondition[])[]
  /** Values that did not convert, since the set was compiled. */
  unconverted: number
  /** Exceptions of the evaluator, since the set was compiled. */
  errors: number
}

/** Rules as closures over one record at a time. Immutable but for its counts; `evaluate` says what of reentry. */
export interface RuleSet {
  readonly sent: readonly SentRule[]
  readonly rules: readonly CompiledRule[]
  readonly round: Round
  readonly fields: readonly Field[]
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
 * Compiles rules once, in the order in which they were received. Closures, not generated source: an engine that lives
 * in other people's programs must not ask them for `unsafe-eval`. A rule with a fault is left out and told.
 */
export function compileRules(rules: readonly SentRule[]): Compiled {
  const compiler = new Compiler()
  const faults: CompileFault[] = []
  const compiled: CompiledRule[] = []
  for (const rule of rules) {
    const found = new Faults()
    const any = parseGroups(found, 'any', rule.any)
    if (!actions.includes(rule.action as Action)) found.word('action', rule.action, actions)
    if (!(rule.sample_rate >= 0 && rule.sample_rate <= 1)) {
      found.add('sample_rate', 'a number from 0 to 1', rule.sample_rate)
    }
    if (found.all.length === 0) compiled.push(compiler.rule(rule, any))
    else faults.push({ rule_id: rule.rule_id, version: rule.version, message: found.all[0]!.message })
  }
  const { round, fields } = compiler
  return { set: { sent: rules, rules: compiled, round, fields: [...fields.values()], busy: false }, faults }
}

/** Puts a record under check. What its conditions read of it is kept until it is closed. */
export function openRecord(set: RuleSet, record: unknown): void {
  set.busy = true
  set.round.record = record
  set.round.number++
}

/** Keeps nothing of the record alive. */
export function closeRecord(set: RuleSet): void {
  set.round.record = undefined
  for (const field of set.fields) field.clear()
  set.busy = false
}

class Compiler {
  readonly round: Round = { record: undefined, number: 0 }
  readonly fields = new Map<string, Field>()

  readonly #fieldAt = (path: FieldPath): Field => {
    const key = JSON.stringify(path)
    const known = this.fields.get(key)
    if (known) return known
    const field = new Field(path, this.round)
    this.fields.set(key, field)
    return field
  }

  rule(rule: SentRule, any: SentRule['any']): CompiledRule {
    const compiled: CompiledRule = { rule, sampleRate: rule.sample_rate, groups: [], unconverted: 0, errors: 0 }
    const groups = any.map((group, groupIndex) =>
      orderOf(group).map(index => this.#condition(compiled, group.all[index]!, groupIndex, index)),
    )
    return Object.assign(compiled, { groups })
  }

  #condition(rule: CompiledRule, condition: Condition, groupIndex: number, conditionIndex: number): CompiledCondition {
    const judge = this.#judgeOf(condition)
    const find = this.#finderOf(condition, judge)
    const settle = settlerOf(condition)
    const test = () => {
      const found = find()
      if ((found & holds) !== 0) return byValue
      if (found === differs) return no
      if ((found & unconvertible) !== 0) rule.unconverted++
      return settle(found)
    }
    return { condition, groupIndex, conditionIndex, test, judge }
  }

  #judgeOf(condition: Condition): Judge {
    if (condition.field_ref === undefined) return judgeOf(condition)
    const other = this.#fieldAt(condition.field_ref)
    const judge = judgePairOf(condition)
    return value => judge(value, other.value)
  }

  #finderOf({ field: path }: Condition, judge: Judge): () => Finding {
    if (path.includes('*')) {
      const field = new WildcardField(path, this.#fieldAt)
      return () => field.scan(judge)
    }
    const field = this.#fieldAt(path)
    return () => judge(field.value)
  }
}

/** What a condition comes to when nothing holds: of many elements one that differs decides, then one that does not convert. */
function settlerOf({ op, on_missing_field, on_coercion_fail }: Condition): (found: Finding) => Result {
  // A path without any element: there is nothing, and that is what `is_null` asks for.
  if (op === 'exists' || op === 'is_null') return found => (found === 0 && op === 'is_null' ? byValue : no)
  const onMissing = byPolicy(on_missing_field, byMissing, missingFailed)
  const onUnconvertible = byPolicy(on_coercion_fail, byCoercion, coercionFailed)
  return found => {
    if ((found & differs) !== 0) return no
    return (found & unconvertible) !== 0 ? onUnconvertible : onMissing
  }
}

function byPolicy(policy: Policy, matched: Result, failed: Result): Result {
  if (policy === 'skip') return no
  return policy === 'match' ? matched : failed
}
