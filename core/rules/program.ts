import { isHigh, isLow } from './code-points.ts'
import type { CompiledCondition, CompiledRule } from './compile.ts'
import { no, onMissingOf, type Result, type Test } from './condition-test.ts'
import type { Field, Fields } from './fields.ts'
import type { Condition } from './rule.ts'

/** What a step does. The named ones are decided in place for values of the literal's own type; `call` is every other. */
export const Op = {
  end: 0,
  call: 1,
  sample: 2,
  numberEq: 3,
  numberNeq: 4,
  lt: 5,
  lte: 6,
  gt: 7,
  gte: 8,
  textEq: 9,
  textNeq: 10,
  prefix: 11,
  suffix: 12,
  contains: 13,
  textIn: 14,
  booleanEq: 15,
} as const
export type Op = (typeof Op)[keyof typeof Op]

/**
 * One condition, or the sampling of a rule, and where to go from it. Steps are all that is looked at while nothing
 * matches, so they hold what they compare with, and are made one after the other: a processor finds the next one
 * beside the last.
 */
export class Step {
  readonly op: Op
  /** What is looked at. */
  readonly field: Field
  /** To compare with, the share of a `sample`, or the first or last code unit of a text to search for. */
  readonly number: number
  readonly text: string
  readonly texts: ReadonlySet<string>
  /** When the field is not there; asked of the named ones only. */
  readonly onMissing: Result
  readonly test: Test
  /** The step after one that is false: the next group or the next rule. */
  onFalse: Step
  /** The step after one that is true; the end when with it the rule matches. */
  onTrue: Step
  nextRule: Step
  /** Undefined for the end. */
  readonly place: Place | undefined

  constructor(op: Op, field: Field, literal: Condition['value'], test: Test, place: Place | undefined) {
    this.op = op
    this.field = field
    this.number =
      typeof literal === 'string' ? literal.charCodeAt(op === Op.suffix ? literal.length - 1 : 0) : Number(literal)
    this.text = typeof literal === 'string' ? literal : ''
    this.texts = op === Op.textIn ? new Set(literal as readonly string[]) : noTexts
    this.onMissing = place === undefined ? no : onMissingOf(place.condition.condition)
    this.test = test
    this.place = place
    this.onFalse = this
    this.onTrue = this
    this.nextRule = this
  }
}

/** Of which rule a step is, and of which of its conditions. */
export interface Place {
  readonly rule: CompiledRule
  readonly condition: CompiledCondition
}

const noTexts: ReadonlySet<string> = new Set()
const never: Test = () => 0

/** The steps of all rules, in the order in which they are tried, and the end behind them. */
export function programOf(rules: readonly CompiledRule[], fields: Fields): Step {
  const end = new Step(Op.end, fields.root, 0, never, undefined)
  // A rule that is never sampled has no step.
  const sampled = rules.filter(({ rule }) => rule.sample_rate > 0)
  const stepsOfRules = sampled.map(rule => stepsOf(rule, fields, end))
  for (const [at, steps] of stepsOfRules.entries()) joinRule(steps, stepsOfRules[at + 1]?.[0]?.[0] ?? end)
  return stepsOfRules[0]?.[0]?.[0] ?? end
}

/** Group by group; the sampling of a rule comes first, as a group of its own. */
type RuleSteps = readonly (readonly Step[])[]

function stepsOf(rule: CompiledRule, fields: Fields, end: Step): RuleSteps {
  const { sample_rate } = rule.rule
  const sampling = new Step(Op.sample, fields.root, sample_rate, never, { rule, condition: rule.groups[0]![0]! })
  const groups = rule.groups.map(group =>
    group.map(compiled => {
      const { condition, test } = compiled
      const op = opOf(condition)
      const field = op === Op.call ? fields.root : fields.at(condition.field)
      return new Step(op, field, condition.value, test, { rule, condition: compiled })
    }),
  )
  for (const group of groups) for (const [at, step] of group.entries()) step.onTrue = group[at + 1] ?? end
  if (sample_rate === 1) return groups
  sampling.onTrue = groups[0]![0]!
  return [[sampling], ...groups]
}

function joinRule(groups: RuleSteps, nextRule: Step): void {
  for (const [at, group] of groups.entries()) {
    for (const step of group) {
      step.onFalse = step.op === Op.sample ? nextRule : (groups[at + 1]?.[0] ?? nextRule)
      step.nextRule = nextRule
    }
  }
}

const numberOps: Partial<Record<Condition['op'], Op>> = {
  eq: Op.numberEq,
  neq: Op.numberNeq,
  lt: Op.lt,
  lte: Op.lte,
  gt: Op.gt,
  gte: Op.gte,
}
const textOps: Partial<Record<Condition['op'], Op>> = {
  eq: Op.textEq,
  neq: Op.textNeq,
  prefix: Op.prefix,
  suffix: Op.suffix,
  contains: Op.contains,
}

/** What the step of a condition does. */
export function opOf({ field, op, field_type, value }: Condition): Op {
  if (field.includes('*')) return Op.call
  if (op === 'in') return field_type === 'text' ? Op.textIn : Op.call
  if (typeof value === 'number') return numberOps[op] ?? Op.call
  if (typeof value === 'boolean') return op === 'eq' ? Op.booleanEq : Op.call
  // Half a surrogate pair must not match half of one in the text: the test looks closer.
  if (typeof value === 'string' && !isSplit(value)) return textOps[op] ?? Op.call
  return Op.call
}

const isSplit = (text: string) => isLow(text.charCodeAt(0)) || isHigh(text.charCodeAt(text.length - 1))
