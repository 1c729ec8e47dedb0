import type { AndGroup, Condition } from '../../core/rules/rule.ts'

/** 3.1: what a condition costs. */
export function naiveScore(condition: Condition): number {
  const segments = condition.field.length
  const wildcards = condition.field.filter(segment => segment === '*').length
  const references = condition.field_ref?.length ?? 0
  return (10 * segments + operatorPoints(condition)) * 8 ** wildcards + 10 * references
}

function operatorPoints({ op, field_type }: Condition): number {
  if (op === 'exists' || op === 'is_null') return 1
  if (field_type === 'numeric' || field_type === 'boolean') return 1
  if (field_type === 'any') return 4
  return op === 'prefix' || op === 'suffix' || op === 'contains' ? 3 : 2
}

/** 3.1: what a rule costs. */
export function naiveRuleScore(any: readonly AndGroup[]): number {
  return any.flatMap(group => group.all).reduce((sum, condition) => sum + naiveScore(condition), 0)
}

/** 3.3: the author's positions in the order of evaluation. */
export function naiveOrder(group: AndGroup): readonly number[] {
  return group.all
    .map((condition, position) => ({ position, score: naiveScore(condition) }))
    .sort((left, right) => left.score - right.score || left.position - right.position)
    .map(({ position }) => position)
}
