import type { AuditEntry } from '../../store/audit-store.ts'
import type { Page as Found } from '../../store/store.ts'
import { html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { pager } from '../../ui/paging.ts'
import { timeTag } from '../../ui/time.ts'
import { select } from './select.ts'

export const auditActions = [
  ...['rule.create', 'rule.update', 'rule.delete', 'rules.pause', 'rules.resume', 'key.create', 'key.revoke'],
  ...['user.create', 'user.password', 'user.role', 'user.delete', 'session.start', 'session.end', 'session.blocked'],
  ...['retention.run', 'events.delete', 'budgets.set'],
] as const

export const auditPage = (found: Found<AuditEntry>, query: URLSearchParams): Page => ({
  title: 'Audit',
  current: '/audit',
  body: html`<h1>Audit</h1>
<p class="soft">Every change of rules, keys and users, and every sign-in. Kept for 400 days; nobody can change it.</p>
<form class="filters" method="get" action="/audit">
<label>Action ${select('action', auditActions, query)}</label>
<label>By <input name="actor" value="${verbatim(query.get('actor') ?? '')}" placeholder="user:alice"></label>
<label>Of (id) <input name="target" value="${verbatim(query.get('target') ?? '')}"></label>
<button>Show</button>${query.size > 0 && html` <a class="button" href="/audit">All</a>`}
</form>
${
  found.items.length === 0
    ? html`<p class="empty">Nothing like that is in the log.</p>`
    : html`<div class="wide" tabindex="0" role="region" aria-label="Audit"><table>
<thead><tr><th scope="col">Time</th><th scope="col">By</th><th scope="col">Action</th><th scope="col">Of</th><th scope="col">From</th><th scope="col">What</th></tr></thead>
<tbody>${found.items.map(row)}</tbody></table></div>`
}
${pager('/audit', query, found.nextCursor)}`,
})

const row = ({ atMs, actor, action, target, address, requestId, before, after }: AuditEntry) => html`<tr>
<td>${timeTag(atMs)}</td><td>${actor}</td><td><code>${action}</code></td>
<td>${nameOf(after ?? before)}<span class="soft mono">${target}</span></td>
<td>${address}</td>
<td><details><summary>Show<span class="unseen"> ${action} by ${actor}</span></summary>${requestId !== undefined && html`<p class="soft">Request ${requestId}</p>`}${json('Before', before)}${json('After', after)}</details></td></tr>\n`

function nameOf(value: unknown) {
  const name = (value as { readonly name?: unknown } | undefined)?.name
  return typeof name === 'string' && html`${name}<br>`
}

const json = (title: string, value: unknown) =>
  value !== undefined && html`<p class="soft">${title}</p><pre>${JSON.stringify(value, undefined, 2)}</pre>`
