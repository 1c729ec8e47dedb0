import type * as model from '../../../core/rules/rule.ts'
import {
  Action,
  type Condition,
  type ConditionValue,
  type FieldPath,
  FieldType,
  OnCoercionFail,
  OnMissingField,
  Operator,
  type PathSegment,
  type Rule,
  RuleState,
  type ScopeTag,
} from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { timestampOf } from '../timestamp.ts'

/** A rule as it goes over the wire. Conditions stay in the author's order: the sensor reports by it. */
export function ruleToWire(rule: model.SentRule): Rule {
  return {
    ruleId: rule.rule_id,
    name: rule.name,
    state: RuleState.RULE_STATE_ACTIVE,
    action: actions[rule.action],
    andGroups: rule.any.map(({ all }, groupIndex) => ({ groupIndex, conditions: all.map(conditionToWire) })),
    sampleRate: rule.sample_rate,
    scopeTags: rule.tags.map(tagToWire),
    createdAt: timestampOf(Date.parse(rule.created_at)),
    version: rule.version,
    score: rule.score,
    maskPointers: [],
  }
}

function conditionToWire(condition: model.Condition): Condition {
  return {
    fieldPath: pathToWire(condition.field),
    op: operators[condition.op],
    value: condition.value === undefined ? undefined : valueToWire(condition.value),
    fieldType: fieldTypes[condition.field_type],
    onMissingField: missing[condition.on_missing_field],
    onCoercionFail: coercion[condition.on_coercion_fail],
    fieldRef: condition.field_ref && pathToWire(condition.field_ref),
  }
}

const pathToWire = (path: model.FieldPath): FieldPath => ({ segments: path.map(segmentToWire) })

function segmentToWire(segment: model.PathSegment): PathSegment {
  if (segment === '*') return { wildcard: {} }
  if (typeof segment === 'number') return { arrayIndex: segment }
  return { fieldName: typeof segment === 'string' ? segment : segment.key }
}

function valueToWire(value: model.Literal): ConditionValue {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'number') return { numericValue: value }
  if (typeof value === 'boolean') return { booleanValue: value }
  return typeof value[0] === 'number'
    ? { numericArray: { values: value as number[] } }
    : { stringArray: { values: value as string[] } }
}

/** At the first colon. */
function tagToWire(tag: string): ScopeTag {
  const at = tag.indexOf(':')
  return at < 0 ? { key: tag, value: '' } : { key: tag.slice(0, at), value: tag.slice(at + 1) }
}

const actions = {
  observe: Action.ACTION_OBSERVE,
  drop: Action.ACTION_DROP,
  fail: Action.ACTION_FAIL,
} satisfies Record<model.Action, Action>

const fieldTypes = {
  numeric: FieldType.FIELD_TYPE_NUMERIC,
  text: FieldType.FIELD_TYPE_TEXT,
  boolean: FieldType.FIELD_TYPE_BOOLEAN,
  any: FieldType.FIELD_TYPE_ANY,
} satisfies Record<model.FieldType, FieldType>

const operators = {
  eq: Operator.OPERATOR_EQ,
  neq: Operator.OPERATOR_NEQ,
  lt: Operator.OPERATOR_LT,
  lte: Operator.OPERATOR_LTE,
  gt: Operator.OPERATOR_GT,
  gte: Operator.OPERATOR_GTE,
  prefix: Operator.OPERATOR_PREFIX,
  suffix: Operator.OPERATOR_SUFFIX,
  contains: Operator.OPERATOR_CONTAINS,
  in: Operator.OPERATOR_IN,
  exists: Operator.OPERATOR_EXISTS,
  is_null: Operator.OPERATOR_IS_NULL,
} satisfies Record<model.Operator, Operator>

const missing = {
  skip: OnMissingField.ON_MISSING_FIELD_SKIP,
  match: OnMissingField.ON_MISSING_FIELD_MATCH,
  fail: OnMissingField.ON_MISSING_FIELD_FAIL,
} satisfies Record<model.Policy, OnMissingField>

const coercion = {
  skip: OnCoercionFail.ON_COERCION_FAIL_SKIP,
  match: OnCoercionFail.ON_COERCION_FAIL_MATCH,
  fail: OnCoercionFail.ON_COERCION_FAIL_FAIL,
} satisfies Record<model.Policy, OnCoercionFail>
