import { formatPath } from '../../../core/rules/path.ts'
import type { MatchKind } from '../../../core/rules/rule.ts'
import type { FoundEvent } from '../../store/events-store.ts'
import type { RuleVersion } from '../../store/rules-store.ts'
import { type Content, type Html, html } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { timeTag } from '../../ui/time.ts'
import { actionOf, ruleOf } from './events-page.ts'

/** Of a record, on the page; all of it can be had as a file. Characters. */
const maxShown = 64 * 1024

const because: Readonly<Record<MatchKind, string>> = {
  VALUE: 'by its value',
  MISSING_MATCHED: 'as it is missing, which the condition counts as a match',
  COERCION_MATCHED: 'as it does not convert, which the condition counts as a match',
  MISSING_FAILED: 'as it is missing, which the condition counts as an error',
  COERCION_FAILED: 'as it does not convert, which the condition counts as an error',
}

export interface EventView {
  readonly event: FoundEvent
  /** The version of the rule that matched; undefined when it was never known here. */
  readonly version: RuleVersion | undefined
  /** Where the pages of pulltrace-server are, whose events are about pulls. */
  readonly pullsUrl: string | undefined
  readonly mayEdit: boolean
}

export function eventPage({ event, version, pullsUrl, mayEdit }: EventView): Page {
  const condition = version?.rule.any[event.groupIndex]?.all[event.conditionIndex]
  return {
    title: 'Event',
    current: '/events',
    body: html`<p><a href="/events">Events</a></p>
<h1>${event.ruleName ?? 'An event of a rule that is not known here'}</h1>
${pullLink(event, pullsUrl)}
<dl class="facts">
${fact('Received', timeTag(event.receivedAtMs))}
${fact('At the sensor', timeTag(event.clientAtMs))}
${fact('Rule', html`${event.ruleName === undefined ? ruleOf(event) : html`<a href="/rules/${event.ruleId}">${ruleOf(event)}</a>`} <span class="soft mono">${event.ruleId}</span>`)}
${fact('Action', actionOf(event))}
${fact('Matched field', html`<code>${formatPath(event.matchedPath)}</code> ${because[event.matchKind]}`)}
${event.matchedValueJson !== undefined && fact('Value', html`<code>${event.matchedValueJson.slice(0, 4096)}</code>${event.matchedValueTruncated && html` <span class="soft">cut off by the sensor</span>`}`)}
${condition && fact(`Condition ${event.groupIndex + 1}.${event.conditionIndex + 1}`, html`<code>${JSON.stringify(condition)}</code>`)}
${fact('Sensor', html`<a class="mono" href="/events?sensor=${event.sensorId}&amp;within=24h">${event.sensorId}</a>`)}
${fact('Tags', event.tags.join(', ') || html`<span class="soft">none</span>`)}
${fact('API key', html`<span class="mono">${event.apiKeyId}</span>`)}
${Object.entries(event.metadata).map(([key, value]) => fact(key, value))}
${fact('Event', html`<span class="mono">${event.eventId}</span>`)}
</dl>
<h2>Record</h2>
${record(event)}
${mayEdit && event.recordJson !== undefined && html`<p><a class="button" href="/playground?event=${event.eventId}">Try it in the playground</a></p>`}`,
  }
}

const fact = (label: string, value: Content) => html`<dt>${label}</dt><dd>${value}</dd>`

function record({ eventId, recordJson }: FoundEvent): Html {
  if (recordJson === undefined)
    return html`<p class="soft">The sensor left it out: it was too large, or could not be written as JSON.</p>`
  const file = html`<p><a href="/events/${eventId}/record.json" download>Download the record</a></p>`
  const text = pretty(recordJson)
  if (text.length <= maxShown) return html`<pre class="record" tabindex="0">${text}</pre>${file}`
  return html`<pre class="record" tabindex="0">${text.slice(0, maxShown)}…</pre>
<p class="soft">The first ${maxShown.toLocaleString('en')} of ${text.length.toLocaleString('en')} characters.</p>${file}`
}

function pullLink({ metadata }: FoundEvent, pullsUrl: string | undefined): Html | false {
  const id = metadata['pull_id']
  if (pullsUrl === undefined || id === undefined) return false
  const href = new URL(`/pulls/${encodeURIComponent(id)}`, pullsUrl).href
  return html`<p><a class="button" href="${href}">The pull that this is about</a></p>`
}

/** In lines, unless that would round a number. */
function pretty(json: string): string {
  try {
    return /\d{16}/.test(json) ? json : JSON.stringify(JSON.parse(json), undefined, 2)
  } catch {
    // Whatever it is, it is shown.
    return json
  }
}
