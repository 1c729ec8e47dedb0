import type { PulltraceError } from '../../../core/lib/errors.ts'
import { type CostBudgets, defaultBudgets } from '../../store/budgets-store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { faultNotice, invalid } from './fault.ts'

/** As they stand in the form, with the words of each. */
export const budgetFields = {
  warning: ['scoreWarning', 'Warn above, for a rule'],
  rule: ['scoreOfRule', 'Refuse above, for a rule'],
  set: ['scoreOfSet', 'Warn above, for all active rules of a sensor together'],
} as const satisfies Record<string, readonly [keyof CostBudgets, string]>

export interface BudgetsView {
  readonly csrf: Html
  /** What the fields hold. */
  readonly typed: Readonly<Record<keyof typeof budgetFields, string>>
  readonly saved?: boolean
  readonly fault?: PulltraceError
}

export const budgetsPage = ({ csrf, typed, saved, fault }: BudgetsView): Page => ({
  title: 'Cost budgets',
  current: '/',
  body: html`<p><a href="/">Rules</a></p>
<h1>Cost budgets</h1>
<p class="soft">A score is what trying a rule on a record costs; the editor shows of what it is made. These budgets hold in the editor of rules: a rule that is stored already stays as it is.</p>
${saved && html`<div class="notice good" role="status"><p>The budgets are set.</p></div>`}
${faultNotice(fault)}
<form class="narrow" method="post" action="/budgets">${csrf}
${Object.entries(budgetFields).map(
  ([name, [key, label]]) =>
    html`<div class="field"><label for="${name}">${label}</label><input id="${name}" name="${name}" inputmode="numeric" required value="${verbatim(typed[name as keyof typeof budgetFields])}"${invalid(fault, name)}><p class="soft">${defaultBudgets[key].toLocaleString('en')} unless set</p></div>`,
)}
<p class="buttons"><button class="primary">Set</button></p></form>`,
})
