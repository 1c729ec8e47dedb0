import type { PulltraceError } from '../../../core/lib/errors.ts'
import type { EventFilter, FoundEvent } from '../../store/events-store.ts'
import type { Page as Found } from '../../store/store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { withQuery } from '../../ui/paging.ts'
import { faultNotice } from '../pages/fault.ts'
import { queryOf } from './event-query.ts'

/** Deleted by one form, unless its time is over before. */
export const maxDeleted = 100_000

export interface DeleteView {
  /** As it was asked for; only the way back shows it. */
  readonly asked: URLSearchParams
  /** By which events are deleted, with times that do not move. Undefined when what was asked for is wrong. */
  readonly filter?: EventFilter | undefined
  readonly csrf: Html
  /** The first of what would be deleted; of what is left after a deletion, nobody knows. */
  readonly found?: Found<FoundEvent>
  readonly done?: { readonly deleted: number; readonly more: boolean }
  readonly fault?: PulltraceError
}

export function deletePage({ asked, filter, csrf, found, done, fault }: DeleteView): Page {
  // One source: what is shown, and what the form sends, is what deletes.
  const query = filter && queryOf(filter)
  return {
    title: 'Delete events',
    current: '/events',
    body: html`<p><a href="${withQuery('/events', query ?? asked, {})}">Back to the search</a></p>
<h1>Delete events</h1>
${faultNotice(fault)}
${done && told(done)}
${query && html`<dl class="facts">${[...query].map(([name, value]) => html`<dt><code>${name}</code></dt><dd>${value}</dd>`)}</dl>`}
${query && (found || done?.more) && form(query, csrf, found)}`,
  }
}

function form(query: URLSearchParams, csrf: Html, found: Found<FoundEvent> | undefined): Html {
  if (found?.items.length === 0) return html`<p class="empty">No event is like that.</p>`
  const isMore = found?.nextCursor !== undefined || !found
  return html`<form class="narrow" method="post" action="/events/delete">${csrf}
<input type="hidden" name="query" value="${verbatim(query.toString())}">
<p>${howMany(found)} ${isMore && `Up to ${maxDeleted.toLocaleString('en')} go at once, the newest first.`}
Nothing brings them back; the audit log keeps who deleted them, by which conditions, and how many.</p>
<p><label><input type="checkbox" name="sure" value="yes" required> They may go</label></p>
<p class="buttons"><button class="danger">Delete these events</button></p></form>`
}

function howMany(found: Found<FoundEvent> | undefined): string {
  if (!found) return 'There may be more events like that.'
  const { items, nextCursor } = found
  const many = nextCursor === undefined ? items.length.toLocaleString('en') : `More than ${items.length}`
  return `${many} ${items.length === 1 && nextCursor === undefined ? 'event is' : 'events are'} like that.`
}

const told = ({ deleted, more }: NonNullable<DeleteView['done']>) =>
  html`<div class="notice good" role="status"><p>${deleted.toLocaleString('en')} ${deleted === 1 ? 'event is' : 'events are'} deleted.${more && ' There may be more of them: the form below deletes the next.'}</p></div>`
