import type { PulltraceError } from '../../../core/lib/errors.ts'
import { html, verbatim } from '../../ui/html.ts'
import type { Page } from '../../ui/layout.ts'
import { faultNotice } from './fault.ts'

export interface SignInView {
  /** Where it goes on. */
  readonly back: string
  readonly name?: string
  readonly remember?: boolean
  readonly fault?: PulltraceError
}

export const signInPage = ({ back, name = '', remember = false, fault }: SignInView): Page => ({
  title: 'Sign in',
  body: html`<section class="card">
<h1>Sign in</h1>
${faultNotice(fault)}
<form method="post" action="/sign-in">
<input type="hidden" name="back" value="${verbatim(back)}">
<div class="field"><label for="name">User name</label>
<input id="name" name="name" value="${verbatim(name)}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="200" required${name === '' && html` autofocus`}></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1000" required${name !== '' && html` autofocus`}></div>
<div class="field"><label><input type="checkbox" name="remember" value="yes"${remember && html` checked`}> Stay signed in for 30 days</label></div>
<button class="primary">Sign in</button>
</form>
</section>`,
})
