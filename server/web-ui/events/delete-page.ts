import type { PulltraceError } from '../../../core/lib/errors.ts'
import type { FoundEvent } from '../../store/events-store.ts'
import type { Page as Found } from '../../store/store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { withQuery } from '../../ui/paging.ts'
import { faultNotice } from '../pages/fault.ts'

/** Deleted by one form: what takes longer than a minute should be seen to go on. */
export const maxDeleted = 100_000

/** What deletes, what is read from its form, and what is no condition of a search. */
export const notConditions = ['cursor', 'format', 'within'] as const

export interface DeleteView {
  /** Conditions, with times that do not move. */
  readonly query: URLSearchParams
  readonly csrf: Html
  /** The first of what would be deleted. */
  readonly found?: Found<FoundEvent>
  readonly done?: { readonly deleted: number; readonly more: boolean }
  readonly fault?: PulltraceError
}

export const deletePage = (view: DeleteView): Page => ({
  title: 'Delete events',
  current: '/events',
  body: html`<p><a href="${withQuery('/events', view.query, {})}">Back to the search</a></p>
<h1>Delete events</h1>
${faultNotice(view.fault)}
${view.done && told(view.done)}
<dl class="facts">${[...view.query].map(([name, value]) => html`<dt><code>${name}</code></dt><dd>${value}</dd>`)}</dl>
${view.found && form(view, view.found)}`,
})

function form({ query, csrf }: DeleteView, { items, nextCursor }: Found<FoundEvent>): Html {
  if (items.length === 0) return html`<p class="empty">No event is like that.</p>`
  const many = nextCursor === undefined ? items.length.toLocaleString('en') : `More than ${items.length}`
  return html`<form class="narrow" method="post" action="/events/delete">${csrf}
<input type="hidden" name="query" value="${verbatim(query.toString())}">
<p>${many} ${items.length === 1 ? 'event is' : 'events are'} like that. ${nextCursor !== undefined && `Up to ${maxDeleted.toLocaleString('en')} go at once, the newest first.`}
Nothing brings them back; the audit log keeps who deleted them, by which conditions, and how many.</p>
<p><label><input type="checkbox" name="sure" value="yes" required> They may go</label></p>
<p class="buttons"><button class="danger">Delete these events</button></p></form>`
}

const told = ({ deleted, more }: NonNullable<DeleteView['done']>) =>
  html`<div class="notice good" role="status"><p>${deleted.toLocaleString('en')} ${deleted === 1 ? 'event is' : 'events are'} deleted.${more && ' There are more of them: the form below deletes the next.'}</p></div>`
