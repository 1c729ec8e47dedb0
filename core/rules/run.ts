import { byValue, missingFailed, no, type Result } from './condition-test.ts'
import type { Fields } from './fields.ts'
import { Op, type Step } from './program.ts'

/** Where a run stopped. */
export class Stop {
  /** The step with which a rule matched or failed; the end when none did. */
  at: Step
  /** What that step came to. */
  result: Result = no

  constructor(end: Step) {
    this.at = end
  }
}

/**
 * Tries steps from `first` on until a rule matches or fails, and says where in `stop`; false when there is none. A step
 * decides a value of its literal's type in place, as the closure of its condition would, and asks that for all others.
 */
export function run(fields: Fields, first: Step, random: () => number, stop: Stop): boolean {
  let step = first
  while (step.op !== Op.end) {
    const result = resultOf(fields, step, random, stop)
    if (result === no) {
      step = step.onFalse
      continue
    }
    if (result >= missingFailed || step.onTrue.op === Op.end) {
      stop.at = step
      stop.result = result
      return true
    }
    step = step.onTrue
  }
  return false
}

function resultOf(fields: Fields, step: Step, random: () => number, stop: Stop): Result {
  const { op, field } = step
  if (op <= Op.sample) {
    stop.at = step
    return op === Op.call ? step.test() : random() < step.number ? byValue : no
  }
  let { value } = field
  if (value === undefined) {
    // For whoever catches what a record's getter throws.
    stop.at = step
    value = fields.valueOf(field)
  }
  if (typeof value === 'number') {
    // NaN is no number.
    if (op <= Op.gte && !Number.isNaN(value)) return isTrueOfNumber(op, value, step.number) ? byValue : no
  } else if (typeof value === 'string') {
    if (op >= Op.textEq && op <= Op.textIn) return isTrueOfText(op, value, step) ? byValue : no
  } else if (value === null) return step.onMissing
  else if (typeof value === 'boolean' && op === Op.booleanEq) return value === (step.number === 1) ? byValue : no
  stop.at = step
  return step.test()
}

function isTrueOfNumber(op: Op, value: number, number: number): boolean {
  switch (op) {
    case Op.gt:
      return value > number
    case Op.lt:
      return value < number
    case Op.gte:
      return value >= number
    case Op.lte:
      return value <= number
    default:
      return (value === number) === (op === Op.numberEq)
  }
}

/** To look at one code unit is cheaper than a search that fails. */
function isTrueOfText(op: Op, value: string, { number, text, texts }: Step): boolean {
  switch (op) {
    case Op.textEq:
      return value === text
    case Op.textNeq:
      return value !== text
    case Op.prefix:
      return value.charCodeAt(0) === number && value.startsWith(text)
    case Op.suffix:
      return value.charCodeAt(value.length - 1) === number && value.endsWith(text)
    case Op.contains:
      return value.includes(text)
    default:
      return texts.has(value)
  }
}
