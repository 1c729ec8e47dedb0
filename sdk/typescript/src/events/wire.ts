import type { Action, FieldPath, MatchKind, PathSegment } from '../../../../core/rules/rule.ts'
import {
  type Event,
  Action as WireAction,
  MatchKind as WireKind,
} from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'

export const wireAction: Readonly<Record<Action, WireAction>> = {
  observe: WireAction.ACTION_OBSERVE,
  drop: WireAction.ACTION_DROP,
  fail: WireAction.ACTION_FAIL,
}

export const wireKind: Readonly<Record<MatchKind, WireKind>> = {
  VALUE: WireKind.MATCH_KIND_VALUE,
  MISSING_MATCHED: WireKind.MATCH_KIND_MISSING_MATCHED,
  COERCION_MATCHED: WireKind.MATCH_KIND_COERCION_MATCHED,
  MISSING_FAILED: WireKind.MATCH_KIND_MISSING_FAILED,
  COERCION_FAILED: WireKind.MATCH_KIND_COERCION_FAILED,
}

export const wirePath = (path: FieldPath): NonNullable<Event['matchedPath']> => ({ segments: path.map(wireSegment) })

function wireSegment(segment: PathSegment) {
  if (typeof segment === 'number') return { arrayIndex: segment }
  if (typeof segment === 'object') return { fieldName: segment.key }
  return segment === '*' ? { wildcard: {} } : { fieldName: segment }
}

export const timestampOf = (ms: number) => {
  const seconds = Math.floor(ms / 1_000)
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1e6) % 1e9 }
}
