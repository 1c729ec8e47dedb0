import type { AndGroup, Condition } from './rule.ts'

/** What a condition costs, and of what that is made. */
export interface ConditionCost {
  readonly group: number
  /** Author index in its group. */
  readonly condition: number
  /** Position in evaluation order, from 0. */
  readonly position: number
  /** Keys, indexes and wildcards of `field`. */
  readonly segments: number
  readonly wildcards: number
  /** Of `field_ref`; 0 without one. */
  readonly refSegments: number
  readonly opPoints: number
  readonly score: number
}

export interface Cost {
  readonly score: number
  /** The cheapest way not to match: the first condition of each group, with wildcards that find one element. */
  readonly min: number
  /** Wildcards that find a thousand elements each, and everything that can be converted is. */
  readonly max: number
  readonly conditions: readonly ConditionCost[]
}

const segmentPoints = 10
const elements = 8
const manyElements = 1000
const coercionPoints = 4

/** (10 x segments + op) x 8^wildcards + 10 x segments of `field_ref`. */
export function scoreOfCondition(condition: Condition): number {
  return score(condition, opPointsOf(condition), elements)
}

/** The sum over all conditions of all groups. Decides which rule a sensor tries first. */
export function scoreOf(any: readonly AndGroup[]): number {
  let sum = 0
  for (const group of any) for (const condition of group.all) sum += scoreOfCondition(condition)
  return sum
}

/** Author indexes in evaluation order: the cheap ones first, ties as they were written. */
export function orderOf(group: AndGroup): readonly number[] {
  const scores = group.all.map(scoreOfCondition)
  return scores.map((_, index) => index).sort((a, b) => scores[a]! - scores[b]! || a - b)
}

export function costOf(any: readonly AndGroup[]): Cost {
  const conditions = any.flatMap((group, groupIndex) => {
    const order = orderOf(group)
    return group.all.map((condition, index) => costOfCondition(condition, groupIndex, index, order.indexOf(index)))
  })
  let min = 0
  let max = 0
  for (const { group, condition, position } of conditions) {
    const written = any[group]!.all[condition]!
    if (position === 0) min += score(written, opPointsOf(written), 1)
    max += score(written, converts(written) ? coercionPoints : opPointsOf(written), manyElements)
  }
  return { score: scoreOf(any), min, max, conditions }
}

function costOfCondition(condition: Condition, group: number, index: number, position: number): ConditionCost {
  return {
    group,
    condition: index,
    position,
    segments: condition.field.length,
    wildcards: wildcardsOf(condition),
    refSegments: condition.field_ref?.length ?? 0,
    opPoints: opPointsOf(condition),
    score: scoreOfCondition(condition),
  }
}

function score(condition: Condition, opPoints: number, perWildcard: number): number {
  const field = (segmentPoints * condition.field.length + opPoints) * perWildcard ** wildcardsOf(condition)
  return field + segmentPoints * (condition.field_ref?.length ?? 0)
}

function opPointsOf({ op, field_type }: Condition): number {
  if (op === 'exists' || op === 'is_null' || field_type === 'numeric' || field_type === 'boolean') return 1
  if (field_type === 'any') return coercionPoints
  return op === 'prefix' || op === 'suffix' || op === 'contains' ? 3 : 2
}

const wildcardsOf = ({ field }: Condition) => field.filter(segment => segment === '*').length

/** A boolean never converts anything, and presence is no conversion. */
const converts = ({ op, field_type }: Condition) => op !== 'exists' && op !== 'is_null' && field_type !== 'boolean'
