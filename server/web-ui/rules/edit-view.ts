import type { Rule } from '../../../core/rules/rule.ts'
import type { CostBudgets } from '../../store/budgets-store.ts'
import { type Content, type Html, html } from '../../ui/html.ts'
import { costView, costWarnings } from './cost-view.ts'
import type { CheckedDraft, Draft } from './draft.ts'
import { faultWords } from './fault-words.ts'
import { areaField, idOf } from './field-view.ts'
import { type FaultsByField, faultsByField } from './form.ts'
import { formFields } from './form-view.ts'

export interface EditView {
  /** Where the form is sent. */
  readonly action: string
  readonly title: string
  readonly csrf: Html
  readonly draft: Draft
  readonly checked: CheckedDraft
  /** False on the first look, when nobody wants to be told what is missing. */
  readonly tellFaults: boolean
  /** The version that this was begun with; absent for a new rule. */
  readonly basedOn?: number | undefined
  readonly record: string
  /** Other rules that are stored, for the budgets. */
  readonly others: readonly Rule[]
  readonly budgets: CostBudgets
  /** Above the form: a conflict. */
  readonly notice?: Content
  /** Below it: what a button asked for. */
  readonly result?: Content
}

/** The editor: one form, two views of the rule, and what tries it out. */
export function editBody(view: EditView): Html {
  const { draft, checked, csrf, basedOn, tellFaults } = view
  const faults = tellFaults ? checked.faults : []
  const byField = draft.view === 'form' ? faultsByField(draft.form, faults) : new Map([['', faults]])
  return html`<h1>${view.title}</h1>
${view.notice}
${faults.length > 0 && faultsNotice(faults.length, byField)}
<form method="post" action="${view.action}" class="rule-form" novalidate>
${csrf}
<input type="hidden" name="view" value="${draft.view}">
${basedOn !== undefined && html`<input type="hidden" name="based_on" value="${basedOn}">`}
<button class="unseen" name="do" value="check" tabindex="-1" aria-hidden="true">Check</button>
<div class="choices-row" role="group" aria-label="View">
<button name="do" value="to-form" aria-pressed="${draft.view === 'form' ? 'true' : 'false'}">Form</button>
<button name="do" value="to-yaml" aria-pressed="${draft.view === 'yaml' ? 'true' : 'false'}">YAML</button>
</div>
${draft.view === 'form' ? formFields(draft.form, byField, view.action) : yamlField(draft.yaml, faults.length > 0)}
<p class="buttons"><button class="primary" name="do" value="save">Save</button>
<button name="do" value="check">Check</button></p>
${areaField({ name: 'record', label: 'Try it on a record', hint: 'JSON. Nothing of it is stored.', faultsOf: () => [] }, view.record, 4)}
<p class="buttons"><button name="do" value="try" formaction="${view.action}#result">Try the record</button>
<button name="do" value="backtest" formaction="${view.action}#result">Try it on stored events</button></p>
</form>
<div id="result">${view.result}</div>
${checked.rule && costView(checked.rule, costWarnings(checked.rule, view.others, view.budgets))}`
}

/** How many there are, and those that no field of the form tells. */
function faultsNotice(count: number, byField: FaultsByField): Html {
  const elsewhere = byField.get('') ?? []
  const first = [...byField.keys()].find(name => name !== '')
  return html`<div class="notice bad" role="alert"><p>${count === 1 ? 'One thing is' : `${count} things are`} not right yet; nothing was stored. ${first !== undefined && html`<a href="#${idOf(first)}">${count === 1 ? 'Show it' : 'Show the first'}</a>`}</p>
${elsewhere.length > 0 && html`<ul>${elsewhere.map(fault => html`<li>${faultWords(fault)}</li>`)}</ul>`}</div>`
}

const yamlField = (yaml: string, invalid: boolean) =>
  areaField(
    {
      name: 'yaml',
      label: 'The rule as YAML',
      hint: 'As in files that tk-sensor-api rules apply takes.',
      faultsOf: () => (invalid ? [{ path: 'yaml', message: 'see above' }] : []),
    },
    yaml,
    Math.min(40, Math.max(16, yaml.split('\n').length + 1)),
  )
