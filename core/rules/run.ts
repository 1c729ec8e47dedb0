import { byValue, missingFailed, no, type Result } from './condition-test.ts'
import { Op, type Program } from './program.ts'

/** Where a run stopped. */
export class Stop {
  /** The step with which a rule matched or failed. */
  at = 0
  /** What that step came to. */
  result: Result = no
}

/**
 * Tries steps from `from` on until a rule matches or fails, and says where in `stop`; false when there is none. A step
 * decides a value of its literal's type in place, as the closure of its condition would, and asks that for all others.
 */
export function run(program: Program, from: number, random: () => number, stop: Stop): boolean {
  const { ops, fieldIndexes, fields, numbers, texts, tests, onFalse, onTrue } = program
  const end = ops.length
  let at = from
  while (at < end) {
    // For whoever catches what a record's getter throws.
    stop.at = at
    let result: Result = no
    const op = ops[at]!
    if (op === Op.call) result = tests[at]!()
    else if (op === Op.sample) result = random() < numbers[at]! ? byValue : no
    else {
      const value = fields[fieldIndexes[at]!]!.value
      let truth: boolean
      if (typeof value === 'number' && op <= Op.gte && !Number.isNaN(value)) {
        const number = numbers[at]!
        if (op === Op.gt) truth = value > number
        else if (op === Op.lt) truth = value < number
        else if (op === Op.gte) truth = value >= number
        else if (op === Op.lte) truth = value <= number
        else truth = (value === number) === (op === Op.numberEq)
        result = truth ? byValue : no
      } else if (typeof value === 'string' && op >= Op.textEq && op <= Op.contains) {
        const text = texts[at]!
        if (op === Op.textEq) truth = value === text
        else if (op === Op.textNeq) truth = value !== text
        else if (op === Op.prefix) truth = value.startsWith(text)
        else if (op === Op.suffix) truth = value.endsWith(text)
        else truth = value.includes(text)
        result = truth ? byValue : no
      } else if (typeof value === 'boolean' && op === Op.booleanEq) {
        result = value === (numbers[at] === 1) ? byValue : no
      } else result = tests[at]!()
    }
    if (result === no) {
      at = onFalse[at]!
      continue
    }
    const next = onTrue[at]!
    if (result >= missingFailed || next === 0) {
      stop.result = result
      return true
    }
    at = next
  }
  return false
}
