import { seenOf } from '../../../core/lib/seen.ts'
import { formatPath } from '../../../core/rules/path.ts'
import { type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'
import type { BacktestMatch, BacktestReport } from './backtest.ts'

const count = (value: number) => value.toLocaleString('en-US')

/** What a rule would have matched, of how many, and which these are; with the id of a stored rule, ways to try it on each. */
export function backtestView(report: BacktestReport, ruleId?: string): Html {
  const { looked, matched, matches } = report
  if (looked === 0) {
    return html`<section class="empty" role="status"><h2>No event is stored yet</h2>
<p>Sensors report events when a rule matches. A rule that only observes, and matches often, brings records to try others on.</p></section>`
  }
  return html`<section>${ruleId === undefined && html`<h2>Backtest</h2>`}
<p class="notice" role="status"><strong>Would have matched ${count(matched)} of the last ${count(looked)} ${looked === 1 ? 'event' : 'events'}</strong>${report.oldestMs !== undefined && html`, back to ${timeTag(report.oldestMs)}`}.${report.endedBy === 'time' && ' It stopped there because time was up.'}</p>
<ul class="soft">${lines(report).map(line => html`<li>${line}</li>`)}</ul>
${matches.length > 0 && matchTable(matches, matched, ruleId)}</section>`
}

function lines({ tried, failed, outOfScope, withoutRecord }: BacktestReport): readonly string[] {
  return [
    `${count(tried)} records were tried, whatever the sample rate. Only records that matched some rule are stored as events.`,
    ...(failed > 0 ? [`${count(failed)} of the matches are errors of a fail policy.`] : []),
    ...(outOfScope > 0 ? [`${count(outOfScope)} came from sensors that the tags of this rule leave out.`] : []),
    ...(withoutRecord > 0 ? [`${count(withoutRecord)} are stored without a record that can be read.`] : []),
  ]
}

const matchTable = (matches: readonly BacktestMatch[], matched: number, ruleId: string | undefined) => html`
<div class="wide" tabindex="0" role="region" aria-label="Events that would have matched"><table>
<caption>${matches.length < matched ? `The newest ${matches.length} of ${count(matched)}` : 'All of them'}</caption>
<thead><tr><th scope="col">Received</th><th scope="col">Event</th><th scope="col">Matched field</th><th scope="col">Value</th>${ruleId !== undefined && html`<th scope="col">Conditions</th>`}</tr></thead>
<tbody>${matches.map(
  ({ event, match }) => html`<tr><td>${timeTag(event.receivedAtMs)}</td>
<td><a class="mono" href="/events/${event.eventId}">${event.eventId}</a></td>
<td><code>${formatPath(match.path)}</code></td><td>${match.hasValue ? html`<code>${seenOf(match.value)}</code>` : html`<em>none</em>`}</td>${ruleId !== undefined && html`<td><a href="/playground?rule=${ruleId}&amp;event=${event.eventId}">Look closer</a></td>`}</tr>`,
)}</tbody></table></div>`
