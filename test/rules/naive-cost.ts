import type { AndGroup, Condition } from '../../core/rules/rule.ts'

/** What a condition costs. */
export function naiveScore(condition: Condition): number {
  return weighed(condition, 8, operatorPoints(condition))
}

function weighed(condition: Condition, perWildcard: number, points: number): number {
  const segments = condition.field.length
  const wildcards = condition.field.filter(segment => segment === '*').length
  const references = condition.field_ref?.length ?? 0
  return (10 * segments + points) * perWildcard ** wildcards + 10 * references
}

/** The cheapest way not to match: the first ordered condition of each group, with wildcards of one element. */
export function naiveMin(any: readonly AndGroup[]): number {
  return any
    .map(group => group.all[naiveOrder(group)[0]!]!)
    .reduce((sum, condition) => sum + weighed(condition, 1, operatorPoints(condition)), 0)
}

/** The dearest check: a wildcard finds a thousand elements, and what can be converted is. */
export function naiveMax(any: readonly AndGroup[]): number {
  return any
    .flatMap(group => group.all)
    .reduce(
      (sum, condition) => sum + weighed(condition, 1000, canConvert(condition) ? 4 : operatorPoints(condition)),
      0,
    )
}

const canConvert = ({ op, field_type }: Condition) => op !== 'exists' && op !== 'is_null' && field_type !== 'boolean'

function operatorPoints({ op, field_type }: Condition): number {
  if (op === 'exists' || op === 'is_null') return 1
  if (field_type === 'numeric' || field_type === 'boolean') return 1
  if (field_type === 'any') return 4
  return op === 'prefix' || op === 'suffix' || op === 'contains' ? 3 : 2
}

/** What a rule costs. */
export function naiveRuleScore(any: readonly AndGroup[]): number {
  return any.flatMap(group => group.all).reduce((sum, condition) => sum + naiveScore(condition), 0)
}

/** The author's positions in the order of evaluation. */
export function naiveOrder(group: AndGroup): readonly number[] {
  return group.all
    .map((condition, position) => ({ position, score: naiveScore(condition) }))
    .sort((left, right) => left.score - right.score || left.position - right.position)
    .map(({ position }) => position)
}
