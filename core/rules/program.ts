import { isHigh, isLow } from './code-points.ts'
import type { Test } from './condition-test.ts'
import type { Field, Fields } from './fields.ts'
import type { Condition, SentRule } from './rule.ts'

/** What a step does. The named ones are decided in place for values of the literal's own type; `call` is every other. */
export const Op = {
  call: 0,
  sample: 1,
  numberEq: 2,
  numberNeq: 3,
  lt: 4,
  lte: 5,
  gt: 6,
  gte: 7,
  textEq: 8,
  textNeq: 9,
  prefix: 10,
  suffix: 11,
  contains: 12,
  booleanEq: 13,
} as const
export type Op = (typeof Op)[keyof typeof Op]

/**
 * The conditions of all rules in the order in which they are tried, laid out side by side: a thousand rules as objects
 * that point to each other are too large for a processor's caches, and reading them would cost more than deciding.
 */
export interface Program {
  readonly ops: Uint8Array
  /** Which of `fields` a step looks at. */
  readonly fieldIndexes: Uint32Array
  readonly fields: readonly Field[]
  /** Numbers to compare with, or the share of a `sample`. */
  readonly numbers: Float64Array
  readonly texts: readonly string[]
  readonly tests: readonly Test[]
  /** The step after one that is false: the next group or the next rule. */
  readonly onFalse: Uint32Array
  /** The step after one that is true; 0 when with it the rule matches. */
  readonly onTrue: Uint32Array
  readonly nextRule: Uint32Array
}

export interface Step {
  readonly op: Op
  readonly fieldIndex: number
  readonly number: number
  readonly text: string
  readonly test: Test
  onFalse: number
  onTrue: number
  nextRule: number
}

const never: Test = () => 0

export function sampleStep({ sample_rate }: SentRule): Step {
  return {
    op: Op.sample,
    fieldIndex: 0,
    number: sample_rate,
    text: '',
    test: never,
    onFalse: 0,
    onTrue: 0,
    nextRule: 0,
  }
}

export function conditionStep(fields: Fields, condition: Condition, test: Test): Step {
  const op = opOf(condition)
  const { field, value } = condition
  return {
    op,
    fieldIndex: op === Op.call ? 0 : fields.indexOf(field),
    number: typeof value === 'string' ? 0 : Number(value),
    text: typeof value === 'string' ? value : '',
    test,
    onFalse: 0,
    onTrue: 0,
    nextRule: 0,
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

function opOf({ field, op, value }: Condition): Op {
  if (field.includes('*')) return Op.call
  if (typeof value === 'number') return numberOps[op] ?? Op.call
  if (typeof value === 'boolean') return op === 'eq' ? Op.booleanEq : Op.call
  // Half a surrogate pair must not match half of one in the text: the test looks closer.
  if (typeof value === 'string' && !isSplit(value)) return textOps[op] ?? Op.call
  return Op.call
}

const isSplit = (text: string) => isLow(text.charCodeAt(0)) || isHigh(text.charCodeAt(text.length - 1))

export function programOf(steps: readonly Step[], fields: readonly Field[]): Program {
  return {
    ops: Uint8Array.from(steps, step => step.op),
    fieldIndexes: Uint32Array.from(steps, step => step.fieldIndex),
    fields,
    numbers: Float64Array.from(steps, step => step.number),
    texts: steps.map(step => step.text),
    tests: steps.map(step => step.test),
    onFalse: Uint32Array.from(steps, step => step.onFalse),
    onTrue: Uint32Array.from(steps, step => step.onTrue),
    nextRule: Uint32Array.from(steps, step => step.nextRule),
  }
}
