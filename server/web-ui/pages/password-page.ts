import type { PulltraceError } from '../../../core/lib/errors.ts'
import type { User } from '../../store/users-store.ts'
import { type Html, html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { faultNotice, invalid } from './fault.ts'

export interface PasswordView {
  readonly user: User
  readonly csrf: Html
  readonly done?: boolean
  readonly fault?: PulltraceError
}

export const passwordPage = ({ user, csrf, done = false, fault }: PasswordView): Page => ({
  title: 'Your password',
  body: html`<section class="card">
<h1>${user.mustChangePassword ? 'Choose a password' : 'Your password'}</h1>
${user.mustChangePassword && html`<p>The one that you were given is for this once. Everything else opens when you have chosen your own.</p>`}
${done && html`<div class="notice good" role="status"><p>Your password is changed. Wherever else you were signed in, you no longer are.</p></div>`}
${faultNotice(fault)}
<form method="post" action="/password">${csrf}
<input class="unseen" name="username" autocomplete="username" value="${verbatim(user.name)}" readonly tabindex="-1" aria-hidden="true">
<div class="field"><label for="current">Current password</label>
<input id="current" name="current" type="password" autocomplete="current-password" maxlength="1000" required${invalid(fault, 'current')}></div>
<div class="field"><label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="12" maxlength="128" required aria-describedby="password-hint"${invalid(fault, 'password') && html` aria-invalid="true"`}>
<span class="hint" id="password-hint">12 to 128 characters.</span></div>
<div class="field"><label for="again">New password again</label>
<input id="again" name="again" type="password" autocomplete="new-password" maxlength="128" required${invalid(fault, 'again')}></div>
<button class="primary">Change it</button>
</form>
</section>`,
})
