import type { CompiledCondition } from './compile.ts'
import { missingFailed, no } from './condition-test.ts'
import { scoreOfCondition } from './cost.ts'
import { candidatesOf } from './fields.ts'
import { numberOf, textOf } from './judge.ts'
import { type Condition, type FieldPath, type MatchKind, matchKinds } from './rule.ts'
import { classOf, holds, missing, unconvertible, type ValueClass } from './values.ts'

export type Truth = 'true' | 'false' | 'error'

export interface FoundValue {
  readonly path: FieldPath
  readonly found: boolean
  /** Before any conversion. */
  readonly value: unknown
  readonly valueClass: ValueClass
}

export interface CandidateExplanation extends FoundValue {
  readonly finding: 'holds' | 'differs' | 'missing' | 'not convertible'
  /** What was compared, when something was. */
  readonly converted?: unknown
}

export interface ConditionExplanation {
  readonly condition: Condition
  readonly score: number
  /** Position in evaluation order, from 0. */
  readonly position: number
  /** False when the check was decided before it. Its result is told all the same. */
  readonly reached: boolean
  readonly result: Truth
  /** Absent when it is false. */
  readonly kind?: MatchKind
  /** The policy that decided, when one did. */
  readonly policy?: 'on_missing_field' | 'on_coercion_fail'
  /** The values that the path leads to, in order, up to `maxCandidates`. */
  readonly candidates: readonly CandidateExplanation[]
  readonly candidatesLeftOut: number
  /** The value of `field_ref`. */
  readonly other?: FoundValue
  /** What was thrown when the record was read: the rule then does not match. */
  readonly exception?: string
}

export const maxCandidates = 100

/** Asks the compiled condition itself, so that what is told is what a sensor does. The record must be open. */
export function explainCondition(
  { condition, test, judge }: CompiledCondition,
  record: unknown,
  where: { readonly position: number; readonly reached: boolean },
): ConditionExplanation {
  const told = { condition, score: scoreOfCondition(condition), ...where }
  try {
    const result = test()
    const other = condition.field_ref && foundOf([...candidatesOf(condition.field_ref, record)][0]!)
    const candidates: CandidateExplanation[] = []
    let left = 0
    for (const candidate of candidatesOf(condition.field, record)) {
      if (candidates.length === maxCandidates) left++
      else {
        const found = foundOf(candidate)
        candidates.push({ ...found, ...judged(condition, judge(candidate.value), found, other) })
      }
    }
    return {
      ...told,
      result: result === no ? 'false' : result >= missingFailed ? 'error' : 'true',
      ...(result === no ? {} : { kind: matchKinds[result - 1]! }),
      ...policyOf(condition, result, candidates),
      candidates,
      candidatesLeftOut: left,
      ...(other && { other }),
    }
  } catch (reason) {
    return { ...told, result: 'false', candidates: [], candidatesLeftOut: 0, exception: String(reason) }
  }
}

const foundOf = ({ path, value }: { readonly path: FieldPath; readonly value: unknown }): FoundValue => ({
  path,
  found: value !== undefined,
  value,
  valueClass: classOf(value),
})

function judged(
  condition: Condition,
  finding: number,
  { value }: FoundValue,
  other: FoundValue | undefined,
): Pick<CandidateExplanation, 'finding' | 'converted'> {
  if (finding === missing) return { finding: 'missing' }
  if (finding === unconvertible) return { finding: 'not convertible' }
  const converted = convertedOf(condition, value, other)
  return { finding: finding === holds ? 'holds' : 'differs', ...(converted === undefined ? {} : { converted }) }
}

function convertedOf({ op, field_type, value: literal }: Condition, value: unknown, other?: FoundValue): unknown {
  if (op === 'exists' || op === 'is_null') return undefined
  if (field_type === 'numeric') return numberOf(value)
  if (field_type === 'text') return textOf(value)
  // `any`: a text beside a number is read as one; everything else is compared as it is.
  const beside = other ? other.value : Array.isArray(literal) ? literal[0] : literal
  return typeof value === 'string' && classOf(beside) === 'number' ? numberOf(value) : value
}

function policyOf(
  { op }: Condition,
  result: number,
  candidates: readonly CandidateExplanation[],
): Pick<ConditionExplanation, 'policy'> {
  const compared = candidates.some(({ finding }) => finding === 'holds' || finding === 'differs')
  if (op === 'exists' || op === 'is_null' || compared || matchKinds[result - 1] === 'VALUE') return {}
  const unconverted = candidates.some(({ finding }) => finding === 'not convertible')
  return { policy: unconverted ? 'on_coercion_fail' : 'on_missing_field' }
}
