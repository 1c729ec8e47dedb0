import type { RuleFault } from '../../../core/rules/faults.ts'
import { limits } from '../../../core/rules/limits.ts'
import { formatPath } from '../../../core/rules/path.ts'
import type { Condition, RuleContent } from '../../../core/rules/rule.ts'
import { literalText, readLiteral } from './literal-text.ts'

export const conditionFields = [
  'field',
  'op',
  'field_type',
  'value',
  'field_ref',
  'on_missing_field',
  'on_coercion_fail',
] as const
/** What stands in the fields of one condition, right or wrong. */
export type ConditionForm = Readonly<Record<(typeof conditionFields)[number], string>>

/** What stands in the fields of a rule, right or wrong: nothing typed is lost. */
export interface RuleForm {
  readonly name: string
  readonly description: string
  readonly state: string
  readonly dry_run: boolean
  readonly action: string
  readonly sample_rate: string
  /** Parted by blanks or commas. */
  readonly tags: string
  readonly exclude_tags: string
  /** Groups of conditions. */
  readonly any: readonly (readonly ConditionForm[])[]
}

export const emptyCondition: ConditionForm = {
  field: '',
  op: 'eq',
  field_type: 'text',
  value: '',
  field_ref: '',
  on_missing_field: 'skip',
  on_coercion_fail: 'skip',
}

/** A new rule only watches until somebody says otherwise. */
export const emptyForm: RuleForm = {
  name: '',
  description: '',
  state: 'draft',
  dry_run: true,
  action: 'observe',
  sample_rate: '1',
  tags: '',
  exclude_tags: '',
  any: [[emptyCondition]],
}

export function formOf(rule: RuleContent): RuleForm {
  const { name, description, state, dry_run, action, sample_rate, scope, any } = rule
  return {
    name,
    description,
    state,
    dry_run,
    action,
    sample_rate: String(sample_rate),
    tags: scope.tags.join(' '),
    exclude_tags: scope.exclude_tags.join(' '),
    any: any.map(({ all }) => all.map(conditionForm)),
  }
}

const conditionForm = (condition: Condition): ConditionForm => ({
  field: formatPath(condition.field),
  op: condition.op,
  field_type: condition.field_type,
  value: literalText(condition),
  field_ref: condition.field_ref ? formatPath(condition.field_ref) : '',
  on_missing_field: condition.on_missing_field,
  on_coercion_fail: condition.on_coercion_fail,
})

/** The names of fields are the paths of faults: `any[0].all[2].value`. */
export const groupName = (group: number): string => `any[${group}]`
export const conditionName = (group: number, condition: number): string => `any[${group}].all[${condition}]`

/** Reads the fields of a form that was sent. */
export function readRuleForm(fields: URLSearchParams): RuleForm {
  const text = (name: string) => (fields.get(name) ?? '').replaceAll('\r\n', '\n')
  const any: ConditionForm[][] = []
  // One more than there may be, so that the fault can be told.
  for (let group = 0; group <= limits.groups && fields.has(groupName(group)); group++) {
    const all: ConditionForm[] = []
    for (let at = 0; at <= limits.conditionsInGroup; at++) {
      const name = conditionName(group, at)
      if (!fields.has(`${name}.field`)) break
      const values = conditionFields.map(field => [field, text(`${name}.${field}`)])
      all.push(Object.fromEntries(values) as ConditionForm)
    }
    any.push(all)
  }
  return {
    name: text('name'),
    description: text('description'),
    state: text('state'),
    dry_run: fields.has('dry_run'),
    action: text('action'),
    sample_rate: text('sample_rate'),
    tags: text('scope.tags'),
    exclude_tags: text('scope.exclude_tags'),
    any,
  }
}

/** What the form says, as `parseRule` takes it. */
export function valueOfForm(form: RuleForm): Record<string, unknown> {
  const { name, description, state, dry_run, action, sample_rate, tags, exclude_tags, any } = form
  return {
    schema_version: 1,
    name,
    description,
    ...(state !== '' && { state }),
    dry_run,
    ...(action !== '' && { action }),
    sample_rate: /^[\d.]+(e-?\d+)?$/i.test(sample_rate.trim()) ? Number(sample_rate) : sample_rate,
    scope: { tags: tagsOf(tags), exclude_tags: tagsOf(exclude_tags) },
    any: any.map(all => ({ all: all.map(valueOfCondition) })),
  }
}

const tagsOf = (text: string) => text.split(/[\s,]+/).filter(tag => tag !== '')

function valueOfCondition(form: ConditionForm): Record<string, unknown> {
  const { field, op, field_type, field_ref, on_missing_field, on_coercion_fail } = form
  const value = readLiteral(form.value, op, field_type)
  return {
    field: field.trim(),
    op,
    field_type,
    ...(value !== undefined && { value }),
    ...(field_ref.trim() !== '' && { field_ref: field_ref.trim() }),
    on_missing_field,
    on_coercion_fail,
  }
}

export type FaultsByField = ReadonlyMap<string, readonly RuleFault[]>

/** Faults by the field at which they are told, in the order of the form; what belongs to no field stands under ''. */
export function faultsByField(form: RuleForm, faults: readonly RuleFault[]): FaultsByField {
  const names = new Set(fieldNames(form))
  const byField = new Map<string, RuleFault[]>()
  for (const fault of faults) {
    let name = fault.path
    while (name !== '' && !names.has(name)) {
      name = name.slice(0, Math.max(name.lastIndexOf('.'), name.lastIndexOf('['), 0))
    }
    byField.set(name, [...(byField.get(name) ?? []), fault])
  }
  return new Map([...names, ''].flatMap(name => (byField.has(name) ? [[name, byField.get(name)!]] : [])))
}

function* fieldNames({ any }: RuleForm): Generator<string> {
  yield* ['name', 'description', 'action', 'state', 'sample_rate', 'dry_run', 'scope.tags', 'scope.exclude_tags', 'any']
  for (const [group, all] of any.entries()) {
    yield groupName(group)
    for (const at of all.keys()) for (const field of conditionFields) yield `${conditionName(group, at)}.${field}`
  }
}
