import type {
  Action,
  AndGroup,
  Condition,
  FieldPath,
  FieldType,
  Literal,
  Operator,
  PathSegment,
  Policy,
  SentRule,
} from '../../../../core/rules/rule.ts'
import type * as wire from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'

export interface RuleFault {
  readonly rule_id: string
  readonly version: number
  readonly message: string
}

/** Rules as they came, as rules of ours: a rule that says what this sensor does not understand is a fault, not a guess. */
export function fromWire(rules: readonly wire.Rule[]): {
  readonly rules: readonly SentRule[]
  readonly faults: readonly RuleFault[]
} {
  const good: SentRule[] = []
  const faults: RuleFault[] = []
  for (const rule of rules) {
    try {
      good.push(ruleOf(rule))
    } catch (reason) {
      if (!(reason instanceof WireFault)) throw reason
      faults.push({ rule_id: rule.ruleId, version: rule.version, message: reason.message })
    }
  }
  return { rules: good, faults }
}

class WireFault extends Error {}

function ruleOf(rule: wire.Rule): SentRule {
  if (rule.maskPointers.length > 0) throw new WireFault('mask_pointers: this sensor cannot mask values')
  if (!(rule.sampleRate >= 0 && rule.sampleRate <= 1)) {
    throw new WireFault(`sample_rate must be from 0 to 1, got ${rule.sampleRate}`)
  }
  return {
    rule_id: rule.ruleId,
    version: rule.version,
    name: rule.name,
    action: named(actionNames, rule.action, 'action'),
    sample_rate: rule.sampleRate,
    tags: rule.scopeTags.map(({ key, value }) => (value === '' ? key : `${key}:${value}`)),
    any: rule.andGroups.map(groupOf),
    score: rule.score,
    created_at: timeOf(rule.createdAt),
  }
}

function groupOf(group: wire.AndGroup, index: number): AndGroup {
  return { all: group.conditions.map((condition, i) => conditionOf(condition, `any[${index}].all[${i}]`)) }
}

function conditionOf(condition: wire.Condition, at: string): Condition {
  const op = named(operatorNames, condition.op, `${at}.op`)
  const valueless = op === 'exists' || op === 'is_null'
  const common = {
    field: pathOf(condition.fieldPath, `${at}.field`),
    op,
    // exists and is_null have none: what the server says of it changes nothing.
    field_type: valueless ? 'any' : named(fieldTypeNames, condition.fieldType, `${at}.field_type`),
    on_missing_field: named(policyNames, condition.onMissingField, `${at}.on_missing_field`),
    on_coercion_fail: named(policyNames, condition.onCoercionFail, `${at}.on_coercion_fail`),
  } as const
  if (valueless) return common
  const value = literalOf(condition.value, `${at}.value`)
  if (condition.fieldRef === undefined) {
    if (value === undefined) throw new WireFault(`${at} must have a value or a field_ref`)
    return { ...common, value }
  }
  if (value !== undefined) throw new WireFault(`${at} must not have both a value and a field_ref`)
  return { ...common, field_ref: pathOf(condition.fieldRef, `${at}.field_ref`) }
}

function pathOf(path: wire.FieldPath | undefined, at: string): FieldPath {
  if (path === undefined || path.segments.length === 0) throw new WireFault(`${at} must have a segment`)
  return path.segments.map((segment, index) => segmentOf(segment, `${at}[${index}]`))
}

function segmentOf({ fieldName, arrayIndex, wildcard }: wire.PathSegment, at: string): PathSegment {
  if (wildcard !== undefined) return '*'
  if (arrayIndex !== undefined) {
    if (arrayIndex < 0) throw new WireFault(`${at} must be an index from 0, got ${arrayIndex}`)
    return arrayIndex
  }
  if (fieldName === undefined) throw new WireFault(`${at} is a kind of segment that this sensor does not know`)
  return fieldName === '*' ? { key: '*' } : fieldName
}

function literalOf(value: wire.ConditionValue | undefined, at: string): Literal | undefined {
  if (value === undefined) return undefined
  const literal =
    value.stringValue ??
    value.numericValue ??
    value.booleanValue ??
    value.stringArray?.values ??
    value.numericArray?.values
  if (literal === undefined) throw new WireFault(`${at} is a kind of value that this sensor does not know`)
  return literal
}

function timeOf(time: wire.Rule['createdAt']): string {
  const ms = time === undefined ? Number.NaN : time.seconds * 1_000 + time.nanos / 1e6
  // Only shown: a time that cannot be written must not cost the rule.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ''
}

function named<T extends string>(names: readonly (T | undefined)[], number: number, at: string): T {
  const name = names[number]
  if (name !== undefined) return name
  throw new WireFault(`${at} ${number === 0 ? 'must be set' : `is ${number}, which this sensor does not know`}`)
}

// By the numbers of the wire. A policy that is not set is `skip`; nothing else has a default.
const actionNames: readonly (Action | undefined)[] = [undefined, 'observe', 'drop', 'fail']
const fieldTypeNames: readonly (FieldType | undefined)[] = [undefined, 'numeric', 'text', 'boolean', 'any']
const policyNames: readonly Policy[] = ['skip', 'skip', 'match', 'fail']
const operatorNames: readonly (Operator | undefined)[] = [
  undefined,
  'eq',
  'neq',
  'lt',
  'lte',
  'gt',
  'gte',
  'prefix',
  'suffix',
  'contains',
  'in',
  'exists',
  'is_null',
]
