import { type Fields, WildcardField } from './fields.ts'
import { type Judge, judgeOf, judgePairOf } from './judge.ts'
import type { Condition, Policy } from './rule.ts'
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

/** Counts of one rule since it was compiled. */
export interface Counts {
  /** Times that a condition met values that did not convert, whatever it then came to. */
  unconverted: number
  /** Exceptions while the rule was tried. */
  errors: number
}

/** The judge of a condition, with the second field's value where it has one. */
export function judgeIn(fields: Fields, condition: Condition): Judge {
  if (condition.field_ref === undefined) return judgeOf(condition)
  const other = fields.at(condition.field_ref)
  const judge = judgePairOf(condition)
  return value => judge(value, fields.valueOf(other))
}

/** The condition as a closure: all that can be decided without a record is decided now. */
export function testOf(fields: Fields, condition: Condition, judge: Judge, counts: Counts): Test {
  const find = finderOf(fields, condition, judge)
  const settle = settlerOf(condition)
  return () => {
    const found = find()
    if (found === holds) return byValue
    if (found === differs) return no
    if ((found & unconvertible) !== 0) counts.unconverted++
    return (found & holds) !== 0 ? byValue : settle(found)
  }
}

function finderOf(fields: Fields, { field: path }: Condition, judge: Judge): () => Finding {
  if (path.includes('*')) {
    const field = new WildcardField(fields, path)
    return () => field.scan(judge)
  }
  const field = fields.at(path)
  return () => judge(fields.valueOf(field))
}

/** When nothing holds: of many elements one that differs decides, then one that does not convert. */
function settlerOf(condition: Condition): (found: Finding) => Result {
  const { op, on_coercion_fail } = condition
  // Presence asks no policy. A path without any element leads to nothing, which is what `is_null` asks for.
  if (op === 'exists') return () => no
  if (op === 'is_null') return found => (found === 0 ? byValue : no)
  const onMissing = onMissingOf(condition)
  const onUnconvertible = byPolicy(on_coercion_fail, byCoercion, coercionFailed)
  return found => {
    if ((found & differs) !== 0) return no
    return (found & unconvertible) !== 0 ? onUnconvertible : onMissing
  }
}

/** What a condition that asks its policy comes to when its field is not there. */
export function onMissingOf({ on_missing_field }: Condition): Result {
  return byPolicy(on_missing_field, byMissing, missingFailed)
}

function byPolicy(policy: Policy, matched: Result, failed: Result): Result {
  if (policy === 'skip') return no
  return policy === 'match' ? matched : failed
}
