import type { PulltraceError } from '../../../core/lib/errors.ts'
import type { ApiKey } from '../../store/keys-store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { timeTag } from '../../ui/time.ts'
import { faultNotice, invalid } from './fault.ts'

export interface KeysView {
  readonly keys: readonly ApiKey[]
  readonly csrf: Html
  /** Just made: shown this once. */
  readonly made?: { readonly key: ApiKey; readonly text: string }
  readonly typed?: string
  readonly fault?: PulltraceError
}

export const keysPage = ({ keys, csrf, made, typed = '', fault }: KeysView): Page => ({
  title: 'API keys',
  current: '/keys',
  body: html`<h1>API keys</h1>
<p class="soft">A sensor shows one to read rules and to report events. Each program should have its own: then one can be revoked alone.</p>
${
  made &&
  html`<div class="notice good" role="status"><p>The key ${made.key.name} is</p><p><code class="once">${made.text}</code></p><p>It is shown this once: nothing here can show it again.</p></div>`
}
${faultNotice(fault)}
<form class="filters" method="post" action="/keys">${csrf}
<label>Name of the new key <input name="name" value="${verbatim(typed)}" maxlength="255" placeholder="nightly-import" required${invalid(fault, 'name')}></label>
<button class="primary">Make key</button></form>
${keys.length === 0 ? html`<section class="empty"><p>There is no key yet, so no sensor can ask for rules. Make one above, and give it to the sensor as <code>TK_API_KEY</code>.</p></section>` : table(keys, csrf)}`,
})

const table = (
  keys: readonly ApiKey[],
  csrf: Html,
) => html`<div class="wide" tabindex="0" role="region" aria-label="API keys"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Made</th><th scope="col">Last used</th><th scope="col">State</th></tr></thead>
<tbody>${keys.map(key => row(key, csrf))}</tbody></table></div>`

const row = ({ id, name, createdAtMs, lastUsedAtMs, revokedAtMs }: ApiKey, csrf: Html) => html`<tr>
<th scope="row">${name}</th>
<td>${timeTag(createdAtMs)}</td>
<td>${lastUsedAtMs === undefined ? html`<span class="soft">never</span>` : timeTag(lastUsedAtMs)}</td>
<td>${
  revokedAtMs === undefined
    ? html`<details><summary>Revoke<span class="unseen"> ${name}</span></summary><form method="post" action="/keys/${id}/revoke">${csrf}<p>Sensors that use it are refused within ten seconds, for good.</p><button class="danger">Revoke ${name}</button></form></details>`
    : html`<span class="soft">revoked ${timeTag(revokedAtMs)}</span>`
}</td></tr>\n`
