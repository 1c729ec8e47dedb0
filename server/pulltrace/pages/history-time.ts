import { formatBytes, formatPercent, formatTook } from '../../../core/lib/format.ts'
import type { HistoryFilter, TimeSummary } from '../../store/store.ts'
import { type Html, html } from '../../ui/html.ts'
import { withQuery } from '../../ui/paging.ts'
import { timeTag } from '../../ui/time.ts'

const hourMs = 3_600_000

/** Spans of time that the history is summed by, in UTC, and how many of them a chart shows. */
export const timeSpans = {
  hour: { spanMs: hourMs, count: 72 },
  day: { spanMs: 24 * hourMs, count: 60 },
} as const
export type TimeSpan = keyof typeof timeSpans

/** The times that the chart shows: whole spans, the newest one with `endMs` or just before it. */
export function windowOf(span: TimeSpan, endMs: number): { readonly fromMs: number; readonly toMs: number } {
  const { spanMs, count } = timeSpans[span]
  const toMs = Math.ceil(endMs / spanMs) * spanMs
  return { fromMs: toMs - count * spanMs, toMs }
}

interface TimeFacts {
  readonly items: readonly TimeSummary[]
  readonly span: TimeSpan
  readonly fromMs: number
  readonly query: URLSearchParams
  /** What the query asks for; a span at its edge is summed in part. */
  readonly filter: Pick<HistoryFilter, 'sinceMs' | 'untilMs'>
}

/** Two charts over one axis of time, and the same in figures. */
export function timeView(facts: TimeFacts): Html {
  const { items, span, fromMs, query, filter } = facts
  const earlier = withQuery('/history', query, {
    until: new Date(fromMs).toISOString(),
    cursor: undefined,
    // A search of later times would find nothing there.
    ...((filter.sinceMs ?? 0) >= fromMs && { since: undefined }),
  })
  const { count } = timeSpans[span]
  return html`${items.length === 0 ? html`<section class="empty"><h2>Nothing ended in these ${count} ${span}s</h2><p>No pull that is still kept ended from ${timeTag(fromMs)} on for ${count} ${span}s, and has all that the search asks for.</p></section>` : charts(facts)}
<nav class="pager" aria-label="More of the time"><a class="button" href="${earlier}">${count} ${span}s earlier</a>${query.has('until') && html`<a class="button" href="${withQuery('/history', query, { until: undefined })}">To now</a>`}</nav>`
}

function charts(facts: TimeFacts): Html {
  const { items, span, fromMs } = facts
  const most = Math.max(...items.map(({ count }) => count))
  const slowest = Math.max(...items.map(({ p95Seconds }) => p95Seconds ?? 0))
  const sum = (of: (item: TimeSummary) => number) => items.reduce((all, item) => all + of(item), 0)
  return html`<figure class="chart"><figcaption>Pulls for each ${span}, <span class="bad">failed</span> below: at most ${most}</figcaption>
${drawing(facts, `${sum(({ count }) => count)} pulls, ${sum(({ failed }) => failed)} failed`, ({ count, failed }) => [
  ['chart-all', count / most],
  ['chart-failed', failed / most],
])}</figure>
<figure class="chart"><figcaption>How long they took, median and 95 %: at most ${formatTook(slowest)}</figcaption>
${drawing(facts, `the slowest ${span}: 95 % within ${formatTook(slowest)}`, ({ p50Seconds, p95Seconds }) =>
  slowest === 0
    ? []
    : [
        ['chart-p95', (p95Seconds ?? 0) / slowest],
        ['chart-p50', (p50Seconds ?? 0) / slowest],
      ],
)}
<p class="axis"><span>${timeTag(fromMs)}</span><span>${timeTag(windowEnd(span, fromMs))}</span></p></figure>
${figures(facts)}`
}

const windowEnd = (span: TimeSpan, fromMs: number) => fromMs + timeSpans[span].count * timeSpans[span].spanMs

type Bars = readonly (readonly [className: string, share: number])[]

/** Bars of one span stand in front of each other, from the bottom up. A share is 0 to 1. */
function drawing({ items, span, fromMs }: TimeFacts, spoken: string, barsOf: (item: TimeSummary) => Bars): Html {
  const { spanMs, count } = timeSpans[span]
  const percent = (part: number) => `${(100 * part).toFixed(2)}%`
  return html`<svg role="img" aria-label="${spoken}; the table has all figures"><rect class="track" width="100%" height="100%"/>${items.map(
    item =>
      html`<g><title>${nameOf(span, item.startMs)}: ${sentenceOf(item)}</title>${barsOf(item).map(
        ([className, share]) =>
          html`<rect class="${className}" x="${percent((item.startMs - fromMs) / spanMs / count)}" y="${percent(1 - share)}" width="${percent(0.85 / count)}" height="${percent(share)}"/>`,
      )}</g>`,
  )}</svg>`
}

/** A day is one of UTC in any zone; it must not be told as a time. */
const nameOf = (span: TimeSpan, ms: number) =>
  span === 'day' ? new Date(ms).toISOString().slice(0, 10) : `${new Date(ms).toISOString().slice(0, 16)}Z`

function sentenceOf({ count, failed, p50Seconds, p95Seconds }: TimeSummary): string {
  const took = p50Seconds === null ? '' : `, median ${formatTook(p50Seconds)}, 95 % ${formatTook(p95Seconds ?? 0)}`
  return `${count} ${count === 1 ? 'pull' : 'pulls'}, ${failed} failed${took}`
}

function figures({ items, span, query, filter }: TimeFacts): Html {
  const { spanMs } = timeSpans[span]
  const pullsOf = (startMs: number) =>
    withQuery('/history', query, {
      groupBy: undefined,
      since: new Date(Math.max(startMs, filter.sinceMs ?? startMs)).toISOString(),
      until: new Date(Math.min(startMs + spanMs, filter.untilMs ?? Number.POSITIVE_INFINITY)).toISOString(),
    })
  return html`<div class="wide" role="region" aria-label="Sums" tabindex="0"><table>
<thead><tr><th>${span === 'day' ? 'Day (UTC)' : 'Hour'}</th><th class="number">Pulls</th><th class="number">Failed</th><th class="number">Median</th><th class="number">95 %</th><th class="number">Bytes</th><th class="number">Cached</th></tr></thead>
<tbody>${[...items].reverse().map(
    ({ startMs, count, failed, p50Seconds, p95Seconds, bytes, cachedBytes }) =>
      html`<tr><th scope="row"><a href="${pullsOf(startMs)}">${span === 'day' ? nameOf(span, startMs) : timeTag(startMs)}</a></th>
<td class="number">${count}</td><td class="number">${failed > 0 ? html`<span class="bad">${failed}</span>` : 0}</td>
<td class="number">${seconds(p50Seconds)}</td><td class="number">${seconds(p95Seconds)}</td>
<td class="number">${formatBytes(bytes)}</td><td class="number">${bytes > 0 && formatPercent(cachedBytes, bytes)}</td></tr>`,
  )}</tbody></table></div>`
}

const seconds = (value: number | null) => (value === null ? '' : formatTook(value))
