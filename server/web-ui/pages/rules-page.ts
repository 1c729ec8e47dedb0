import { scoreOf } from '../../../core/rules/cost.ts'
import { actions, type Rule, ruleStates } from '../../../core/rules/rule.ts'
import type { PauseState } from '../../store/rules-store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { matchesSpan } from '../rule-matches.ts'
import { select } from './select.ts'

export interface RulesView {
  readonly rules: readonly Rule[]
  readonly query: URLSearchParams
  readonly pause: PauseState
  /** By rule id, in the last 24 hours; undefined when it is not known. */
  readonly matches: ReadonlyMap<string, number> | undefined
  /** Undefined for who may not pause. */
  readonly csrf: Html | undefined
  /** Whether rules have pages of their own. */
  readonly links: boolean
  /** An admin. */
  readonly maySetBudgets: boolean
}

/** As sensors try them within a state: what is active first, then by name. */
const inOrder = (rules: readonly Rule[]) => {
  const place = { active: 0, draft: 1, disabled: 2 } as const
  return rules.toSorted((a, b) => place[a.state] - place[b.state] || a.name.localeCompare(b.name, 'en'))
}

export function rulesPage({ rules, query, pause, matches, csrf, links, maySetBudgets }: RulesView): Page {
  const shown = inOrder(rules.filter(rule => fits(rule, query)))
  const active = rules.filter(({ state }) => state === 'active').length
  return {
    title: 'Rules',
    current: '/',
    body: html`<h1>Rules</h1>
<p class="soft">${active} of ${rules.length} active${shown.length !== rules.length && html`, ${shown.length} shown`}. Sensors ask for them by their tags, and have a change with their next sync.</p>
${rules.length === 0 ? none(links && csrf !== undefined) : html`${filters(query)}${table(shown, matches, links)}`}
${links && csrf !== undefined && rules.length > 0 && html`<p><a class="button primary" href="/rules/new">New rule</a>${maySetBudgets && html` <a class="button" href="/budgets">Cost budgets</a>`}</p>`}
${!pause.paused && csrf !== undefined && pauseForm(csrf)}`,
  }
}

function fits({ name, state, action, scope, dry_run }: Rule, query: URLSearchParams): boolean {
  const text = (query.get('text') ?? '').toLowerCase()
  const [wantedState, wantedAction, tag] = ['state', 'action', 'tag'].map(key => query.get(key) ?? '')
  return (
    name.toLowerCase().includes(text) &&
    (wantedState === '' || wantedState === state) &&
    (wantedAction === '' || wantedAction === action) &&
    (tag === '' || scope.tags.includes(tag!)) &&
    (!query.has('dry_run') || dry_run)
  )
}

const filters = (query: URLSearchParams) => html`<form class="filters" method="get" action="/">
<label>Name <input name="text" type="search" value="${verbatim(query.get('text') ?? '')}"></label>
<label>State ${select('state', ruleStates, query)}</label>
<label>Action ${select('action', actions, query)}</label>
<label>Tag <input name="tag" value="${verbatim(query.get('tag') ?? '')}"></label>
<button>Show</button>${query.size > 0 && html` <a class="button" href="/">All</a>`}
</form>`

const table = (rules: readonly Rule[], matches: RulesView['matches'], links: boolean) =>
  rules.length === 0
    ? html`<p class="empty">No rule is like that. <a href="/">Show all</a></p>`
    : html`<div class="wide" tabindex="0" role="region" aria-label="Rules"><table>
<thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Action</th><th scope="col">For sensors with</th><th scope="col" class="number">Matches in 24 h</th><th scope="col" class="number">Cost</th><th scope="col" class="number">Version</th></tr></thead>
<tbody>${rules.map(rule => row(rule, matches, links))}</tbody></table></div>`

const row = (rule: Rule, matches: RulesView['matches'], links: boolean) => html`<tr>
<th scope="row">${links ? html`<a href="/rules/${rule.rule_id}">${rule.name}</a>` : rule.name}</th>
<td>${stateChip(rule)}</td>
<td>${rule.action}${rule.dry_run && html` <span class="chip warn">dry run</span>`}</td>
<td>${tags(rule)}</td>
<td class="number">${matched(rule, matches)}</td>
<td class="number">${scoreOf(rule.any)}</td><td class="number">${rule.version}</td></tr>\n`

/** With the events that are counted. */
function matched({ rule_id: id, name }: Rule, matches: RulesView['matches']): Html {
  if (matches === undefined)
    return html`<span class="soft" title="There are too many events to count at once; look again in a moment.">…</span>`
  const count = matches.get(id) ?? 0
  if (count === 0) return html`<span class="soft">0</span>`
  return html`<a href="/events?rule=${id}&amp;within=${matchesSpan}">${count.toLocaleString('en')}<span class="unseen"> events of ${name}</span></a>`
}

const stateChip = ({ state }: Rule) => html`<span class="chip ${state === 'active' ? 'good' : 'soft'}">${state}</span>`

function tags({ scope: { tags, exclude_tags: without } }: Rule): Html {
  if (tags.length + without.length === 0) return html`<span class="soft">any tags</span>`
  const list = (all: readonly string[]) => all.map((tag, at) => html`${at > 0 && ', '}<code>${tag}</code>`)
  return html`${tags.length > 0 ? list(tags) : 'any tags'}${without.length > 0 && html` <span class="soft">without</span> ${list(without)}`}`
}

const none = (mayMake: boolean) => html`<section class="empty"><h2>There is no rule yet</h2>
<p>A rule says which records of your programs, or which image pulls, deserve attention, and what happens to them.</p>
${
  mayMake
    ? html`<p><a class="button primary" href="/rules/new">Make the first rule</a></p>`
    : html`<p>Rules can be applied from files: <code>tk-sensor-api rules apply -f rules/</code></p>`
}</section>`

const pauseForm = (csrf: Html) => html`<details class="apart"><summary>Pause all rules</summary>
<form class="narrow" method="post" action="/api/admin/rules/pause">${csrf}
<p>For an emergency: with its next sync every sensor lets every record pass, until you resume.</p>
<div class="field"><label for="why">Why</label><input id="why" name="why" maxlength="500" required></div>
<button class="danger">Pause all rules</button></form></details>`
