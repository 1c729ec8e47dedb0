import { type HistoryGroup, type HistorySummary, historyGroups } from '../../../core/contract/api.ts'
import type { Pull } from '../../../core/contract/pull.ts'
import { errorCodes, terminalPhases } from '../../../core/contract/words.ts'
import { formatBytes, formatPercent, formatRate, formatTook } from '../../../core/lib/format.ts'
import type { HistoryFilter, TimeSummary } from '../../store/store.ts'
import { type Html, html } from '../../ui/html.ts'
import { pager, withQuery } from '../../ui/paging.ts'
import { timeTag } from '../../ui/time.ts'
import { type TimeSpan, timeView } from './history-time.ts'
import { failureOf, imageParts } from './live/row.ts'
import { spansOf } from './spans.ts'

interface HistoryFacts {
  readonly query: URLSearchParams
  readonly nextCursor: string | undefined
}

const path = '/history'

/** What has ended, newest end first. */
export function historyPage({ pulls, query, nextCursor }: HistoryFacts & { readonly pulls: readonly Pull[] }): Html {
  return html`${headOf(query, undefined)}
${
  pulls.length === 0
    ? emptyView(query)
    : html`<div class="wide" role="region" aria-label="Ended pulls" tabindex="0"><table>
<thead><tr><th>Image</th><th>Node</th><th>Ended</th><th>How</th><th class="number">Size</th><th class="number">Took</th><th>Queue, download, unpack</th><th class="number">Rate</th><th class="number">Cached</th></tr></thead>
<tbody>${pulls.map(pullRow)}</tbody></table></div>`
}
${pager(path, query, nextCursor)}`
}

/** Sums for each image, node or registry. */
export function summaryPage(
  facts: HistoryFacts & { readonly items: readonly HistorySummary[]; readonly groupBy: HistoryGroup },
): Html {
  const { items, groupBy, query, nextCursor } = facts
  const slowest = Math.max(...items.map(item => item.p95Seconds ?? 0), 0.001)
  const searched = (key: string) =>
    groupBy === 'registry'
      ? undefined
      : withQuery(path, query, { groupBy: undefined, cursor: undefined, [groupBy]: key })
  return html`${headOf(query, groupBy)}
${
  items.length === 0
    ? emptyView(query)
    : html`<div class="wide" role="region" aria-label="Sums" tabindex="0"><table>
<thead><tr><th>${groupBy === 'image' ? 'Image' : groupBy === 'node' ? 'Node' : 'Registry'}</th><th class="number">Pulls</th><th class="number">Failed</th><th class="number">Median</th><th class="number">95 %</th><th>Median and 95 %</th><th class="number">Bytes</th><th class="number">Cached</th></tr></thead>
<tbody>${items.map(item => {
        const href = searched(item.key)
        const { lead, name } = groupBy === 'image' ? imageParts(item.key) : { lead: '', name: item.key || '(none)' }
        const key = html`<bdi><span class="lead">${lead}</span>${name}</bdi>`
        return html`<tr><th scope="row">${href === undefined ? key : html`<a href="${href}">${key}</a>`}</th>
<td class="number">${item.count}</td><td class="number">${item.failed > 0 ? html`<span class="bad">${item.failed}</span>` : 0}</td>
<td class="number">${seconds(item.p50Seconds)}</td><td class="number">${seconds(item.p95Seconds)}</td>
<td><svg class="bar small" aria-hidden="true"><rect class="track" width="${share(item.p95Seconds, slowest)}%" height="100%"/><rect class="down" width="${share(item.p50Seconds, slowest)}%" height="100%"/></svg></td>
<td class="number">${formatBytes(item.bytes)}</td><td class="number">${percent(item.cachedBytes, item.bytes)}</td></tr>`
      })}</tbody></table></div>`
}
${pager(path, query, nextCursor)}`
}

/** Sums for each hour or day, drawn over time. */
export function timePage(
  facts: Omit<HistoryFacts, 'nextCursor'> & {
    readonly items: readonly TimeSummary[]
    readonly span: TimeSpan
    readonly fromMs: number
    readonly filter: HistoryFilter
  },
): Html {
  return html`${headOf(facts.query, facts.span)}
${timeView(facts)}`
}

/** A search that asks for what cannot be: the form as it was typed, each fault at its field, and no results. */
export function refusedPage(facts: {
  readonly query: URLSearchParams
  readonly groupBy: HistoryGroup | TimeSpan | undefined
  readonly faults: FieldFaults
}): Html {
  const { query, groupBy, faults } = facts
  return html`${headOf(query, groupBy, faults)}
<p class="notice bad" role="alert">Nothing was searched for: ${faults.size === 1 ? 'one field of the form is' : `${faults.size} fields of the form are`} not right.</p>`
}

const seconds = (value: number | null) => (value === null ? '' : formatTook(value))
const share = (value: number | null, largest: number) => ((100 * (value ?? 0)) / largest).toFixed(1)
const percent = (part: number, whole: number) => (whole > 0 ? formatPercent(part, whole) : '')

const fields = [
  ['image', 'Image'],
  ['node', 'Node'],
  ['namespace', 'Namespace'],
  ['pod', 'Pod'],
  ['since', 'Ended since (date or UTC time)'],
  ['until', 'Ended before'],
] as const

/** By the name of the field: what it must be. */
type FieldFaults = ReadonlyMap<string, string>

/** The label, what is wrong, the control: in this order controls stay in line where some have a fault. */
const asked = (name: string, label: string, control: Html, faults: FieldFaults) =>
  html`<div><label for="${name}">${label}</label>${faults.has(name) && html`<span class="fault" id="${name}-fault">must be ${faults.get(name)}</span>`}${control}</div>`

const attributes = (name: string, faults: FieldFaults) =>
  html` id="${name}" name="${name}"${faults.has(name) && html` aria-invalid="true" aria-describedby="${name}-fault"`}`

/** A value that is none of the choices stays chosen, so that it is seen what is wrong. */
const options = (name: string, values: readonly string[], query: URLSearchParams, faults: FieldFaults) => {
  const chosen = query.get(name) ?? ''
  const all = chosen === '' || values.includes(chosen) ? values : [...values, chosen]
  return html`<select${attributes(name, faults)}><option value="">any</option>${all.map(
    value => html`<option${value === chosen && html` selected`}>${value}</option>`,
  )}</select>`
}

const noFaults: FieldFaults = new Map()

function headOf(query: URLSearchParams, groupBy: HistoryGroup | TimeSpan | undefined, faults = noFaults): Html {
  const choice = (value: HistoryGroup | TimeSpan | undefined, label: string) =>
    html`<a href="${withQuery(path, query, { groupBy: value, cursor: undefined })}"${value === groupBy && html` aria-current="true"`}>${label}</a>`
  return html`<h1>History</h1>
<form class="filters" method="get" action="${path}">
${groupBy !== undefined && html`<input type="hidden" name="groupBy" value="${groupBy}">`}
${fields.map(([name, label]) =>
  asked(
    name,
    label,
    html`<input${attributes(name, faults)} value="${query.get(name) ?? ''}" maxlength="1024" autocomplete="off" spellcheck="false"${name === 'since' && html` placeholder="2026-11-21"`}>`,
    faults,
  ),
)}
${asked('phase', 'How it ended', options('phase', terminalPhases, query, faults), faults)}
${asked('errorCode', 'Why it failed', options('errorCode', errorCodes, query, faults), faults)}
<button class="primary">Search</button> <a class="button" href="${path}">Clear</a>
</form>
<nav class="choices" aria-label="Shown as">${choice(undefined, 'Pulls')}${[...historyGroups, 'hour' as const, 'day' as const].map(group => choice(group, `By ${group}`))}</nav>`
}

function emptyView(query: URLSearchParams): Html {
  const asked = [...query].some(([name, value]) => name !== 'groupBy' && value !== '')
  return asked
    ? html`<section class="empty"><h2>Nothing matches</h2><p>No pull that is still kept has all that the search asks for. Ask for less, or for a longer time.</p></section>`
    : html`<section class="empty"><h2>No pull has ended yet</h2><p>Each pull comes here when it ends, with its time, size and reason. Those under way are on the <a href="/">first page</a>.</p></section>`
}

function pullRow(pull: Pull): Html {
  const { lead, name } = imageParts(pull.imageRef)
  const took = (Date.parse(pull.completedAt ?? pull.startedAt) - Date.parse(pull.startedAt)) / 1000
  return html`<tr><th scope="row"><a href="/pulls/${pull.id}"><bdi><span class="lead">${lead}</span>${name}</bdi></a></th>
<td><bdi>${pull.nodeName}</bdi></td><td>${pull.completedAt !== undefined && timeTag(pull.completedAt)}</td>
<td>${howOf(pull)}</td>
<td class="number">${pull.totalBytes !== undefined && formatBytes(pull.totalBytes)}</td><td class="number">${formatTook(took)}</td>
<td>${splitOf(pull)}</td>
<td class="number">${pull.bytesPerSec ? formatRate(pull.bytesPerSec) : ''}</td><td class="number">${percent(pull.cachedBytes, pull.totalBytes ?? 0)}</td></tr>`
}

function howOf({ phase, errorCode, error, violations = [] }: Pull): Html {
  const broken = violations.length > 0 && html` <span class="chip bad">breaks a rule</span>`
  if (phase === 'failed') {
    // A failure of no known kind is no `unknown` end.
    const why = errorCode === undefined || errorCode === 'Unknown' ? 'failed' : errorCode
    return html`<span class="bad" title="${failureOf(errorCode, error)}">${why}</span>${broken}`
  }
  return html`<span class="${phase === 'completed' ? 'good' : 'warn'}">${phase === 'completed' ? 'done' : 'not seen'}</span>${broken}`
}

/** Where its time went, as parts of one small bar. */
function splitOf(pull: Pull): Html | undefined {
  const spans = spansOf(pull, Date.parse(pull.completedAt ?? pull.startedAt))
  const total = spans.reduce((sum, span) => sum + span.seconds, 0)
  if (total <= 0) return undefined
  let at = 0
  const text = spans.map(({ name, seconds }) => `${name} ${formatTook(seconds)}`).join(', ')
  return html`<svg class="bar small" role="img" aria-label="${text}"><title>${text}</title>${spans.map(
    ({ name, seconds }) => {
      const from = (100 * at) / total
      at += seconds
      return html`<rect class="span-${name}" x="${from.toFixed(1)}%" width="${((100 * seconds) / total).toFixed(1)}%" height="100%"/>`
    },
  )}</svg>`
}
