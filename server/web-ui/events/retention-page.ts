import { formatDurationMs } from '../../../core/lib/duration.ts'
import { formatBytes } from '../../../core/lib/format.ts'
import type { EventsSize, Retention } from '../../store/events-store.ts'
import { type Content, type Html, html } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { timeTag } from '../../ui/time.ts'

export interface RetentionView {
  /** Undefined before tk-sensor-api ran for the first time. */
  readonly retention: Retention | undefined
  readonly size: EventsSize
}

/** What is set in tk-sensor-api, which does it, and what came of it. */
export const retentionPage = ({ retention, size }: RetentionView): Page => ({
  title: 'Retention of events',
  current: '/events',
  body: html`<p><a href="/events">Events</a></p>
<h1>Retention of events</h1>
<p class="soft">tk-sensor-api removes events every hour, the oldest first, when they are too old or take too much; whichever comes first.</p>
<dl class="facts">
${retention ? set(retention) : html`${fact('Set', html`<span class="soft">not known: tk-sensor-api has not run on this database yet</span>`)}`}
${fact('Events now', html`${size.events.toLocaleString('en')}, about ${formatBytes(size.bytes)}`)}
${fact('Database', html`${formatBytes(size.databaseBytes)} on disk, ${formatBytes(size.freeBytes)} of it free for new rows`)}
</dl>
<p><a href="/audit?action=retention.run">All runs that removed events</a>. To delete some sooner, <a href="/events?within=30d">search for them</a>.</p>`,
})

const fact = (label: string, value: Content) => html`<dt>${label}</dt><dd>${value}</dd>`

function set({ keepMs, maxBytes, ranAtMs, removed }: Retention): Html {
  const age =
    keepMs === 0 ? 'for ever' : `${formatDurationMs(keepMs)} (${(keepMs / 86_400_000).toLocaleString('en')} days)`
  const size = maxBytes === 0 ? 'no bound but the volume' : formatBytes(maxBytes)
  return html`${fact('Kept', html`${age} <code>TK_EVENTS_RETENTION</code>`)}
${fact('At most', html`${size} <code>TK_EVENTS_MAX_MIB</code>`)}
${fact('Last run', timeTag(ranAtMs))}
${fact('Last removed', removed ? html`${removed.byAge.toLocaleString('en')} by age, ${removed.bySize.toLocaleString('en')} by size, ${timeTag(removed.atMs)}` : html`<span class="soft">none so far</span>`)}`
}
