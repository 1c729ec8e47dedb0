import { limits } from '../../../core/rules/limits.ts'
import type * as model from '../../../core/rules/rule.ts'
import { Action, type FieldPath, MatchKind } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'

/** Unspecified, as by clients that know only the first fields: observe. Undefined: no action that we know. */
export const actionOf = (action: Action): model.Action | undefined => actions[action]

const actions: Readonly<Record<number, model.Action>> = {
  [Action.ACTION_UNSPECIFIED]: 'observe',
  [Action.ACTION_OBSERVE]: 'observe',
  [Action.ACTION_DROP]: 'drop',
  [Action.ACTION_FAIL]: 'fail',
}

export const matchKindOf = (kind: MatchKind): model.MatchKind | undefined => kinds[kind]

const kinds: Readonly<Record<number, model.MatchKind>> = {
  [MatchKind.MATCH_KIND_UNSPECIFIED]: 'VALUE',
  [MatchKind.MATCH_KIND_VALUE]: 'VALUE',
  [MatchKind.MATCH_KIND_MISSING_MATCHED]: 'MISSING_MATCHED',
  [MatchKind.MATCH_KIND_COERCION_MATCHED]: 'COERCION_MATCHED',
  [MatchKind.MATCH_KIND_MISSING_FAILED]: 'MISSING_FAILED',
  [MatchKind.MATCH_KIND_COERCION_FAILED]: 'COERCION_FAILED',
}

/** Undefined: not a path. Absent is the empty path. */
export function pathOf(path: FieldPath | undefined): model.FieldPath | undefined {
  const segments = path?.segments ?? []
  if (segments.length > limits.pathSegments) return undefined
  const parts: model.PathSegment[] = []
  for (const { fieldName, arrayIndex, wildcard } of segments) {
    if (wildcard !== undefined) parts.push('*')
    else if (arrayIndex !== undefined && arrayIndex >= 0) parts.push(arrayIndex)
    else if (fieldName === '*') parts.push({ key: '*' })
    // In UTF-16 units: a key of a rule has at most that many code points.
    else if (fieldName !== undefined && fieldName.length <= 2 * limits.keyLength) parts.push(fieldName)
    else return undefined
  }
  return parts
}
