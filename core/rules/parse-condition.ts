import { PulltraceError } from '../lib/errors.ts'
import { isLongerThan } from './code-points.ts'
import type { Faults } from './faults.ts'
import { limits } from './limits.ts'
import { parseLiteral } from './parse-literal.ts'
import { parsePath } from './path.ts'
import {
  type AndGroup,
  type Condition,
  type FieldPath,
  type FieldType,
  fieldTypes,
  type Operator,
  operators,
  type PathSegment,
  policies,
} from './rule.ts'

const typesOf: Readonly<Record<Operator, readonly FieldType[]>> = {
  eq: fieldTypes,
  neq: fieldTypes,
  lt: ['numeric'],
  lte: ['numeric'],
  gt: ['numeric'],
  gte: ['numeric'],
  prefix: ['text'],
  suffix: ['text'],
  contains: ['text'],
  in: ['numeric', 'text', 'any'],
  exists: fieldTypes,
  is_null: fieldTypes,
}
const takesRef: readonly Operator[] = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte']
const fields = ['field', 'op', 'field_type', 'value', 'field_ref', 'on_missing_field', 'on_coercion_fail']

/** The groups of a rule; faults are gathered, and what is returned then is not to be used. */
export function parseGroups(faults: Faults, path: string, value: unknown): readonly AndGroup[] {
  const groups = faults.list(path, value, 1, limits.groups, 'groups') ?? []
  const parsed = groups.map((group, index) => parseGroup(faults, `${path}[${index}]`, group))
  const conditions = parsed.reduce((sum, group) => sum + group.all.length, 0)
  if (conditions > limits.conditionsInRule) {
    faults.add(path, `at most ${limits.conditionsInRule} conditions in all its groups`, conditions, 'use several rules')
  }
  return parsed
}

function parseGroup(faults: Faults, path: string, value: unknown): AndGroup {
  if (isBareCondition(value)) {
    const fix = "put the conditions of a group under `all`: '- all: [{ field: a, op: exists }]'"
    faults.add(`${path}.all`, 'a list of conditions', undefined, fix)
    return { all: [] }
  }
  const group = faults.object(path, value, ['all'])
  if (!group) return { all: [] }
  const conditions = faults.list(`${path}.all`, group['all'], 1, limits.conditionsInGroup, 'conditions') ?? []
  const all = conditions.map((condition, index) => parseCondition(faults, `${path}.all[${index}]`, condition))
  return { all: all.filter(condition => condition !== undefined) }
}

/** What people write who have not seen that a group stands around conditions: one condition, or a list of them. */
function isBareCondition(value: unknown): boolean {
  const [first = value] = Array.isArray(value) ? value : []
  if (typeof first !== 'object' || first === null || Object.hasOwn(first, 'all')) return false
  return Object.hasOwn(first, 'field') || Object.hasOwn(first, 'op')
}

function parseCondition(faults: Faults, path: string, value: unknown): Condition | undefined {
  const input = faults.object(path, value, fields)
  if (!input) return undefined
  const field = parseField(faults, `${path}.field`, input['field'], limits.wildcards)
  const op = faults.word(`${path}.op`, input['op'], operators)
  const missing = faults.word(`${path}.on_missing_field`, input['on_missing_field'], policies, 'skip')
  const unconvertible = faults.word(`${path}.on_coercion_fail`, input['on_coercion_fail'], policies, 'skip')
  if (op === undefined) return undefined
  const type = parseType(faults, `${path}.field_type`, op, input['field_type'])
  const operand = parseOperand(faults, path, op, type, input)
  if (!field || !type || !operand || !missing || !unconvertible) return undefined
  return { field, op, field_type: type, ...operand, on_missing_field: missing, on_coercion_fail: unconvertible }
}

function parseType(faults: Faults, path: string, op: Operator, value: unknown): FieldType | undefined {
  // Presence has no type: whatever is said, `any` is stored.
  if (op === 'exists' || op === 'is_null') return faults.word(path, value, fieldTypes, 'any') && 'any'
  const types = typesOf[op]
  const type = types.includes(value as FieldType) ? (value as FieldType) : undefined
  const bound = `one of ${types.map(type => `'${type}'`).join(', ')} for '${op}'`
  return type ?? faults.add(path, types.length === 1 ? `'${types[0]}' for '${op}'` : bound, value)
}

type Operand = Pick<Condition, 'value' | 'field_ref'>

function parseOperand(
  faults: Faults,
  path: string,
  op: Operator,
  type: FieldType | undefined,
  { value, field_ref }: Record<string, unknown>,
): Operand | undefined {
  const takesNothing = op === 'exists' || op === 'is_null'
  if (field_ref !== undefined && !takesRef.includes(op)) {
    return faults.add(`${path}.field_ref`, `absent: '${op}' compares with no second field`, field_ref)
  }
  if (takesNothing) return value === undefined ? {} : faults.add(`${path}.value`, `absent for '${op}'`, value)
  if (field_ref === undefined) {
    if (type === undefined) return undefined
    const literal = parseLiteral(faults, `${path}.value`, op, type, value)
    return literal === undefined ? undefined : { value: literal }
  }
  const ref = parseField(faults, `${path}.field_ref`, field_ref, 0)
  if (value !== undefined) return faults.add(`${path}.value`, 'absent beside `field_ref`', value, 'remove one of them')
  return ref && { field_ref: ref }
}

/** A path as it is stored, or as people write it. */
function parseField(faults: Faults, path: string, value: unknown, wildcards: number): FieldPath | undefined {
  const segments = typeof value === 'string' ? written(faults, path, value) : value
  if (typeof value === 'string' && segments === undefined) return undefined
  if (!Array.isArray(segments)) return faults.add(path, "a path such as 'a.b[3].c[*]'", segments)
  const list = faults.list(path, segments, 1, limits.pathSegments, 'keys, indexes and wildcards')
  if (!list) return undefined
  const parsed = list.map((segment, index) => parseSegment(faults, `${path}[${index}]`, segment))
  const stars = parsed.filter(segment => segment === '*').length
  if (stars > wildcards) {
    const bound = wildcards === 0 ? 'a path without wildcards' : `a path with at most ${wildcards} wildcards`
    return faults.add(path, bound, stars)
  }
  return parsed.includes(undefined) ? undefined : (parsed as PathSegment[])
}

function written(faults: Faults, path: string, text: string): FieldPath | undefined {
  try {
    return parsePath(text)
  } catch (reason) {
    const { message, details } = PulltraceError.from(reason)
    const { bound = 'a field path', fix } = details
    return faults.add(path, bound, text, fix ?? message)
  }
}

function parseSegment(faults: Faults, path: string, segment: unknown): PathSegment | undefined {
  if (typeof segment === 'number') {
    if (Number.isInteger(segment) && segment >= 0 && segment <= limits.index) return segment === 0 ? 0 : segment
    return faults.add(path, `an index from 0 to ${limits.index}`, segment)
  }
  if (typeof segment === 'string') {
    if (segment !== '' && !isLongerThan(segment, limits.keyLength)) return segment
    return faults.add(path, `a key of 1 to ${limits.keyLength} characters`, segment)
  }
  const object = typeof segment === 'object' && segment !== null ? (segment as Record<string, unknown>) : {}
  if (object['key'] === '*' && Object.keys(object).length === 1) return { key: '*' }
  return faults.add(path, "a key, an index, '*' for every element, or {key: '*'} for a key that is a star", segment)
}
