import { contentOf, type Rule, type RuleState } from '../../../core/rules/rule.ts'
import { contentText } from '../../rule-files/rule-text.ts'
import type { CostBudgets } from '../../store/budgets-store.ts'
import type { RuleVersion } from '../../store/rules-store.ts'
import { type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'
import { costView, costWarnings } from './cost-view.ts'
import { rulePath } from './rule-parts.ts'
import { personText } from './words.ts'

export interface RuleView {
  readonly rule: Rule
  readonly latest: RuleVersion
  readonly others: readonly Rule[]
  readonly budgets: CostBudgets
  readonly mayEdit: boolean
  readonly csrf: Html
  /** What was just done, as its redirect says it. */
  readonly done: string | null
}

/** One rule: what it is, what it costs, and, for who may, what can be done with it. */
export function ruleBody(view: RuleView): Html {
  const { rule, latest, others, mayEdit } = view
  const { rule_id, name, description, state, action, dry_run, sample_rate, scope, version } = rule
  const path = rulePath(rule_id)
  const tags = (all: readonly string[], none: string) =>
    all.length === 0 ? none : all.map((tag, at) => html`${at > 0 && ' '}<code>${tag}</code>`)
  return html`<h1>${name}</h1>
${doneNotice(view.done)}
${description !== '' && html`<p class="prose">${description}</p>`}
<dl class="facts">
<dt>State</dt><dd><span class="chip ${state === 'active' ? 'good' : 'soft'}">${state}</span> ${stateWords[state]}</dd>
<dt>Action</dt><dd>${action}${dry_run && html` <span class="chip warn">dry run</span> only observed until it ends`}</dd>
<dt>Sensors with</dt><dd>${tags(scope.tags, 'any tags')}${scope.exclude_tags.length > 0 && html`, without ${tags(scope.exclude_tags, '')}`}</dd>
<dt>Records tried</dt><dd>${sample_rate === 1 ? 'all' : `${sample_rate * 100} %`}</dd>
<dt>Version</dt><dd><a href="${path}/versions">${version}</a>, by ${personText(latest.author)}, ${timeTag(latest.writtenAtMs)}</dd>
<dt>Id</dt><dd class="mono">${rule_id}</dd>
<dt>Matches</dt><dd><a href="/events?rule=${rule_id}&amp;within=24h">Events of the last 24 hours</a></dd>
</dl>
${mayEdit && actions(view)}
<h2>The rule</h2>
<pre tabindex="0" aria-label="The rule as YAML">${contentText(contentOf(rule))}</pre>
${costView(rule, costWarnings(rule, others, view.budgets))}`
}

const stateWords: Readonly<Record<RuleState, string>> = {
  draft: 'not sent to sensors yet',
  active: 'sent to sensors with their next sync',
  disabled: 'kept, and sent to no sensor',
}

function actions({ rule, csrf }: RuleView): Html {
  const { rule_id, state, dry_run, version, action } = rule
  const path = rulePath(rule_id)
  const button = (to: string, label: string) => html`<button name="to" value="${to}">${label}</button>`
  return html`<div class="buttons">
<a class="button primary" href="${path}/edit">Edit</a>
<a class="button" href="/playground?rule=${rule_id}">Try a record</a>
<a class="button" href="${path}/backtest">Try it on stored events</a>
<form method="post" action="${path}/state">${csrf}<input type="hidden" name="based_on" value="${version}">
${state === 'active' ? button('disabled', 'Disable') : button('active', 'Activate')}
${dry_run ? button('dry-run-off', `End the dry run: ${action}`) : button('dry-run-on', 'Back to a dry run')}
</form></div>
${
  state !== 'active' &&
  html`<details><summary>Delete this rule</summary><form method="post" action="${path}/delete">${csrf}
<input type="hidden" name="based_on" value="${version}"><p>It is gone from the list for good. Its versions are kept for the events that refer to them.</p>
<button class="danger">Delete the rule</button></form></details>`
}`
}

function doneNotice(done: string | null): Html | false {
  const version = /^saved-(\d{1,9})$/.exec(done ?? '')?.[1]
  const words = done === 'created' ? 'The rule is stored.' : version && `Version ${version} is stored.`
  return (
    Boolean(words) &&
    html`<p class="notice good" role="status">${words} Sensors have a change with their next sync.</p>`
  )
}
