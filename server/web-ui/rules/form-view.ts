import { limits } from '../../../core/rules/limits.ts'
import { type Content, type Html, html } from '../../ui/html.ts'
import { areaField, type Choice, choiceField, type FaultsOf, faultLines, idOf, textField } from './field-view.ts'
import { type ConditionForm, conditionName, type FaultsByField, groupName, type RuleForm } from './form.ts'
import { addCondition, addGroup, removeCondition, removeGroup } from './form-edit.ts'

export const actionChoices: readonly Choice[] = [
  ['observe', 'observe: an event, nothing else'],
  ['drop', 'drop: hides a pull; a job leaves it out'],
  ['fail', 'fail: marks a pull; a job stops'],
]
/** Both kinds of sensors, as tags do not say which of them a rule is for (docs/rules-on-pulls.md). */
const actionHint = html`No pull is ever stopped.<br>
drop hides a pull from the pages, the API and the history; a job is told to leave the record out.<br>
fail marks a pull as breaking the rule; a job is told to stop.`
const stateChoices: readonly Choice[] = [
  ['draft', 'draft: not sent to sensors'],
  ['active', 'active: sent to sensors'],
  ['disabled', 'disabled: kept, not sent'],
]
const opChoices: readonly Choice[] = [
  ['eq', '= equals'],
  ['neq', '≠ differs'],
  ['lt', '< less than'],
  ['lte', '≤ at most'],
  ['gt', '> more than'],
  ['gte', '≥ at least'],
  ['prefix', 'begins with'],
  ['suffix', 'ends with'],
  ['contains', 'contains'],
  ['in', 'is one of'],
  ['exists', 'is there'],
  ['is_null', 'is missing or null'],
]
const typeChoices: readonly Choice[] = [
  ['numeric', 'as number'],
  ['text', 'as text'],
  ['boolean', 'as true or false'],
  ['any', 'by the value'],
]
const policyChoices: readonly Choice[] = [
  ['skip', 'false'],
  ['match', 'true'],
  ['fail', 'an error that ends the check'],
]

/** The fields of a rule, with what is wrong at each. Buttons that change their number are submits of the same form. */
export function formFields(form: RuleForm, byField: FaultsByField, action: string): Html {
  const faultsOf: FaultsOf = name => byField.get(name) ?? []
  const field = (name: string, label: string, hint?: Content) => ({ name, label, hint, faultsOf })
  return html`<section class="rule-head">
${textField(field('name', 'Name'), form.name, html` maxlength="${limits.nameLength * 2}" required`)}
${areaField(field('description', 'Description', 'What it is for, and what to do when it matches.'), form.description, 2)}
<div class="columns">
${choiceField(field('action', 'Action', actionHint), form.action, actionChoices)}
${choiceField(field('state', 'State'), form.state, stateChoices)}
${textField(field('sample_rate', 'Share of records tried', '0 to 1'), form.sample_rate, html` inputmode="decimal"`)}
</div>
<div class="field"><label class="check"><input type="checkbox" name="dry_run"${form.dry_run && html` checked`}> Dry run</label>
<span class="hint">Sensors report matches and do nothing else, whatever the action says.</span>${faultLines('dry_run', faultsOf)}</div>
<div class="columns">
${textField(field('scope.tags', 'For sensors with all of these tags', 'Parted by blanks; none is every sensor.'), form.tags)}
${textField(field('scope.exclude_tags', 'But without any of these'), form.exclude_tags)}
</div>
</section>
<h2 id="${idOf('any')}">Matches when one of these groups does</h2>
${faultLines('any', faultsOf)}
${form.any.map((all, group) => groupFields(all, group, form.any.length, faultsOf, placeOf(action, group)))}
<p><button name="do" value="${addGroup}" formaction="${placeOf(action, form.any.length)}">Add a group (or)</button></p>`
}

/** Where a page that comes back begins to be shown: at the group that was changed. */
const placeOf = (action: string, group: number) => `${action}#${idOf(groupName(group))}`

function groupFields(
  all: readonly ConditionForm[],
  group: number,
  groups: number,
  faultsOf: FaultsOf,
  here: string,
): Html {
  const name = groupName(group)
  return html`${group > 0 && html`<p class="or" aria-hidden="true">or</p>`}
<fieldset class="group" id="${idOf(name)}"><legend>Group ${group + 1}: all of these</legend>
<input type="hidden" name="${name}" value="">
${faultLines(name, faultsOf)}
${all.map((condition, at) => conditionFields(condition, [group, at], all.length, faultsOf, here))}
<p class="buttons"><button name="do" value="${addCondition(group)}" formaction="${here}">Add a condition (and)</button>
${groups > 1 && html`<button name="do" value="${removeGroup(group)}" formaction="${here}">Remove group ${group + 1}</button>`}</p>
</fieldset>`
}

function conditionFields(
  condition: ConditionForm,
  [group, at]: readonly [number, number],
  conditions: number,
  faultsOf: FaultsOf,
  here: string,
): Html {
  const path = conditionName(group, at)
  const field = (name: keyof ConditionForm, label: string, hint?: string) => ({
    name: `${path}.${name}`,
    label,
    hint,
    faultsOf,
  })
  const unusual = condition.on_missing_field !== 'skip' || condition.on_coercion_fail !== 'skip'
  const folded = ['field_ref', 'on_missing_field', 'on_coercion_fail']
  const more = unusual || condition.field_ref !== '' || folded.some(name => faultsOf(`${path}.${name}`).length > 0)
  const rows = Math.min(8, Math.max(1, condition.value.split('\n').length, condition.op === 'in' ? 3 : 1))
  return html`<div class="condition" id="${idOf(path)}" role="group" aria-label="Group ${group + 1}, condition ${at + 1}">
<div class="columns">
${textField(field('field', 'Field'), condition.field, html` class="mono" placeholder="a.b[*].c"`)}
${choiceField(field('op', 'Test'), condition.op, opChoices)}
${choiceField(field('field_type', 'Compared'), condition.field_type, typeChoices)}
${areaField(field('value', 'Value', condition.op === 'in' ? 'One a line.' : undefined), condition.value, rows)}
</div>
<details${more && html` open`}><summary>Second field, missing and unreadable values</summary>
<div class="columns">
${textField(field('field_ref', 'Instead of a value: the field'), condition.field_ref, html` class="mono"`)}
${choiceField(field('on_missing_field', 'When missing, it is'), condition.on_missing_field, policyChoices)}
${choiceField(field('on_coercion_fail', 'When unreadable, it is'), condition.on_coercion_fail, policyChoices)}
</div></details>
${conditions > 1 && html`<p class="buttons"><button name="do" value="${removeCondition(group, at)}" formaction="${here}">Remove this condition</button></p>`}
</div>`
}
