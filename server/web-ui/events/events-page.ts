import type { PulltraceError } from '../../../core/lib/errors.ts'
import { formatPath } from '../../../core/rules/path.ts'
import { actions, matchKinds, type Rule } from '../../../core/rules/rule.ts'
import type { EventFilter, FoundEvent } from '../../store/events-store.ts'
import type { Page as Found } from '../../store/store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { pager, withQuery } from '../../ui/paging.ts'
import { timeTag } from '../../ui/time.ts'
import { faultNotice, invalid } from '../pages/fault.ts'
import { select } from '../pages/select.ts'
import { defaultSpan, spans } from './event-query.ts'
import { maxExported } from './export.ts'

export interface EventsView {
  readonly query: URLSearchParams
  readonly rules: readonly Rule[]
  /** Undefined with `fault`. */
  readonly found?: Found<FoundEvent>
  readonly filter?: EventFilter
  readonly fault?: PulltraceError
  /** An admin. */
  readonly mayDelete?: boolean
}

/** More rules than these are found by typing an id into the address. */
const maxRulesOffered = 500

export const eventsPage = (view: EventsView): Page => ({
  title: 'Events',
  current: '/events',
  body: html`<h1>Events</h1>
${faultNotice(view.fault)}
${search(view)}
${view.found && results(view, view.found)}
${view.mayDelete && html`<p class="soft"><a href="/retention">How long events are kept</a></p>`}`,
})

function search({ query, rules, fault }: EventsView): Html {
  const value = (name: string) => verbatim(query.get(name) ?? '')
  const input = (label: string, name: string, hint = '') =>
    html`<label>${label} <input name="${name}" value="${value(name)}" placeholder="${hint}"${invalid(fault, name)}></label>`
  const more = ['since', 'until', 'configured', 'dry_run', 'kind', 'sensor', 'metadata']
  const within = query.get('within') || defaultSpan
  return html`<form method="get" action="/events">
<div class="filters">
<label>In the last <select name="within">${Object.keys(spans).map(span => html`<option${span === within && html` selected`}>${span}</option>`)}</select></label>
<label>Rule <select name="rule"><option value="">any</option>${ruleOptions(rules, query.get('rule') ?? '')}</select></label>
<label>Action ${select('action', actions, query)}</label>
${input('Tag of the sensor', 'tag', 'region:eu-west-1')}
${input('Matched field', 'path', 'layers[0].bytes')}
${input('Matched value', 'value', '50000000')}
${input('Text in the record', 'text')}
<button class="primary">Search</button>${query.size > 0 && html` <a class="button" href="/events">Start over</a>`}
</div>
<details${more.some(name => query.get(name)) && html` open`}><summary>More conditions</summary>
<div class="filters">
<label>From (UTC) <input type="datetime-local" name="since" value="${value('since')}"${invalid(fault, 'since')}></label>
<label>To (UTC) <input type="datetime-local" name="until" value="${value('until')}"${invalid(fault, 'until')}></label>
<label>Action of the rule ${select('configured', actions, query)}</label>
<label>Dry run ${select('dry_run', ['yes', 'no'], query)}</label>
<label>Matched by ${select('kind', matchKinds, query)}</label>
${input('Sensor (id)', 'sensor')}
${input('Metadata', 'metadata', 'hostname=db1')}
</div></details>
</form>`
}

function ruleOptions(rules: readonly Rule[], asked: string): readonly Html[] {
  const shown = rules.toSorted((a, b) => a.name.localeCompare(b.name, 'en')).slice(0, maxRulesOffered)
  const known = asked === '' || shown.some(({ rule_id: id }) => id === asked)
  const options = shown.map(
    ({ rule_id: id, name }) => html`<option value="${id}"${id === asked && html` selected`}>${name}</option>`,
  )
  return known ? options : [html`<option value="${asked}" selected>${asked}</option>`, ...options]
}

function results({ query, filter, mayDelete }: EventsView, { items, nextCursor }: Found<FoundEvent>): Html {
  const range = filter && html`from ${timeTag(filter.sinceMs)} to ${timeTag(filter.untilMs)}`
  if (items.length === 0) {
    return html`<section class="empty"><h2>No event is like that</h2><p>Looked at ${range}. Search a longer time, or leave out a condition.</p>
<p class="soft">Events come from sensors whose rules match. A rule that never matches has none.</p></section>`
  }
  // A browser sends each field of the form; a deletion takes none that is empty.
  const conditions = new URLSearchParams([...query].filter(([, value]) => value !== ''))
  const file = (format: string) => withQuery('/events/export', query, { format, cursor: undefined })
  return html`<div class="wide" tabindex="0" role="region" aria-label="Events"><table>
<caption>Newest first, ${range}</caption>
<thead><tr><th scope="col">Received</th><th scope="col">Rule</th><th scope="col">Action</th><th scope="col">Matched field</th><th scope="col">Value</th><th scope="col">Tags</th></tr></thead>
<tbody>${items.map(row)}</tbody></table></div>
${pager('/events', query, nextCursor)}
<p class="soft">All of these, ${maxExported.toLocaleString('en')} at most: <a href="${file('jsonl')}" download>JSONL</a>, <a href="${file('csv')}" download>CSV</a>${mayDelete && html`. <a href="${withQuery('/events/delete', conditions, { cursor: undefined })}">Delete them</a>`}</p>`
}

const row = (event: FoundEvent) => html`<tr>
<td><a href="/events/${event.eventId}">${timeTag(event.receivedAtMs)}</a></td>
<th scope="row">${ruleOf(event)}</th>
<td>${actionOf(event)}</td>
<td><code>${formatPath(event.matchedPath)}</code></td>
<td class="mono">${short(event.matchedValueJson)}</td>
<td>${event.tags.map((tag, at) => html`${at > 0 && ', '}${tag}`)}</td></tr>\n`

const short = (text: string | undefined) =>
  text === undefined ? html`<span class="soft">none</span>` : text.length > 60 ? `${text.slice(0, 60)}…` : text

export const ruleOf = ({ ruleName, ruleId, ruleVersion }: FoundEvent): Html =>
  html`${ruleName ?? ruleId} <span class="soft">v${ruleVersion}</span>`

const would = { observe: 'observe', drop: 'would have dropped', fail: 'would have failed' } as const

/** What happened; of a dry run, what would have. */
export const actionOf = ({ action, configuredAction, dryRun }: FoundEvent): Html =>
  dryRun === true && configuredAction !== undefined
    ? html`${action} <span class="chip warn">dry run: ${would[configuredAction]}</span>`
    : html`<span${action === 'fail' && html` class="bad"`}>${action}</span>`
