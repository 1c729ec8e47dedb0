import type { RuleFault } from '../../../core/rules/faults.ts'
import type { ConditionForm } from './form.ts'

const ruleWords: Readonly<Record<string, string>> = {
  name: 'Name',
  description: 'Description',
  action: 'Action',
  state: 'State',
  sample_rate: 'Share of records tried',
  dry_run: 'Dry run',
  'scope.tags': 'Tags',
  'scope.exclude_tags': 'Excluded tags',
  any: 'The groups',
}
const conditionWords: Readonly<Record<keyof ConditionForm, string>> = {
  field: 'field',
  op: 'test',
  field_type: 'comparison',
  value: 'value',
  field_ref: 'second field',
  on_missing_field: '“when missing”',
  on_coercion_fail: '“when unreadable”',
}
const inGroup = /^any\[(\d+)\](?:\.all(?:\[(\d+)\](?:\.(\w+)(?:\[(\d+)\])?)?)?)?$/
const inTags = /^scope\.(tags|exclude_tags)\[(\d+)\]$/

/** Where a fault is, as people who see the form would say it: `Group 1, condition 2: value`; undefined of what it has no control for. */
export function placeWords(path: string): string | undefined {
  if (Object.hasOwn(ruleWords, path)) return ruleWords[path]
  const [, tags, tag] = inTags.exec(path) ?? []
  if (tags !== undefined) return `${tags === 'tags' ? 'Tag' : 'Excluded tag'} ${Number(tag) + 1}`
  const [whole, group, condition, name, item] = inGroup.exec(path) ?? []
  if (whole === undefined) return undefined
  const place = `Group ${Number(group) + 1}`
  if (condition === undefined) return place
  const ofGroup = `${place}, condition ${Number(condition) + 1}`
  if (name === undefined) return ofGroup
  if (!Object.hasOwn(conditionWords, name)) return undefined
  const part = item === undefined ? '' : `, ${name === 'value' ? 'item' : 'part'} ${Number(item) + 1}`
  return `${ofGroup}: ${conditionWords[name as keyof ConditionForm]}${part}`
}

/** A fault in the words of the form; with its path where the form has no other word for it. */
export function faultWords({ path, message, fix }: RuleFault): string {
  const place = placeWords(path)
  const named = `\`${path}\``
  const told = place !== undefined && message.startsWith(named) ? `${place}${message.slice(named.length)}` : message
  const words = told.replaceAll('`field_ref`', 'a second field')
  return fix === undefined ? words : `${words}: ${fix}`
}
