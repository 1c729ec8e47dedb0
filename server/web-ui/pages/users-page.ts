import type { PulltraceError } from '../../../core/lib/errors.ts'
import { type Role, roles, type User } from '../../store/users-store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { timeTag } from '../../ui/time.ts'
import { faultNotice, invalid } from './fault.ts'

export interface UsersView {
  readonly users: readonly User[]
  /** Who looks: they change their own password elsewhere, and cannot delete themselves. */
  readonly me: User
  readonly csrf: Html
  /** Of somebody who was just made or whose password was reset: shown this once. */
  readonly given?: { readonly user: User; readonly password: string } | undefined
  readonly typed?: { readonly name: string; readonly role: string }
  readonly fault?: PulltraceError
}

const may: Readonly<Record<Role, string>> = {
  viewer: 'reads everything but keys, users and the audit log',
  editor: 'also changes rules, and pauses them',
  admin: 'also has keys, users and the audit log',
}

export const usersPage = (view: UsersView): Page => ({
  title: 'Users',
  current: '/users',
  body: html`<h1>Users</h1>
${view.given && given(view.given)}
${faultNotice(view.fault)}
<div class="wide" tabindex="0" role="region" aria-label="Users"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Last sign-in</th><th scope="col">Since</th><th scope="col">Change</th></tr></thead>
<tbody>${view.users.map(user => row(user, view))}</tbody></table></div>
<h2 id="new">New user</h2>
<form class="narrow" method="post" action="/users">${view.csrf}
<div class="field"><label for="name">User name</label>
<input id="name" name="name" value="${verbatim(view.typed?.name ?? '')}" autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="64" required${invalid(view.fault, 'name')}></div>
<fieldset class="field"><legend>Role</legend>${roles.map(
    role =>
      html`<label><input type="radio" name="role" value="${role}"${role === (view.typed?.role ?? 'viewer') && html` checked`}> ${role} <span class="soft">${may[role]}</span></label>`,
  )}</fieldset>
<p class="soft">They get a password that is shown here once, and choose their own when they first sign in.</p>
<button class="primary">Make user</button>
</form>`,
})

const given = ({ user, password }: NonNullable<UsersView['given']>) =>
  html`<div class="notice good" role="status"><p>The password of ${user.name} is <code class="once">${password}</code></p>
<p>It is shown this once. They choose their own when they sign in.</p></div>`

const row = (user: User, { me, csrf }: UsersView) => html`<tr>
<th scope="row">${user.name}${user.mustChangePassword && html` <span class="chip warn">must choose a password</span>`}</th>
<td>${user.role}</td>
<td>${user.lastSignInAtMs === undefined ? html`<span class="soft">never</span>` : timeTag(user.lastSignInAtMs)}</td>
<td>${timeTag(user.createdAtMs)}</td>
<td>${user.id === me.id ? html`<span class="soft">you</span>` : changes(user, csrf)}</td></tr>\n`

const changes = (
  { id, name, role }: User,
  csrf: Html,
) => html`<details><summary>Change<span class="unseen"> ${name}</span></summary>
<form class="filters" method="post" action="/users/${id}/role">${csrf}<label>Role <select name="role">${roles.map(
  each => html`<option${each === role && html` selected`}>${each}</option>`,
)}</select></label><button>Set role</button></form>
<form class="filters" method="post" action="/users/${id}/password">${csrf}<button>Give a new password</button></form>
<form class="filters" method="post" action="/users/${id}/delete">${csrf}<button class="danger">Delete ${name}</button></form>
<p class="soft">Each of these signs them out.</p></details>`
