import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../../core/lib/errors.ts'
import { html } from '../../../ui/html.ts'
import { clearCookie, cookieName, isSecure, setCookie } from '../../../ui/http/cookies.ts'
import { backPath, checkCsrf, checkSameOrigin, readForm } from '../../../ui/http/forms.ts'
import { seeOther } from '../../../ui/http/theme-route.ts'
import type { Attempts } from '../attempts.ts'
import type { ReaderAuth } from '../auth.ts'
import { sessionCookie, sessionOf } from '../grants.ts'
import { queryOf } from '../query.ts'
import { type Sessions, sessionLifeMs } from '../sessions.ts'
import type { PageFrame } from './frame.ts'

export type SignInResult = 'accepted' | 'refused' | 'limited'

export interface SignInParts {
  readonly frame: PageFrame
  readonly readers: ReaderAuth
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly signInNeeded: boolean
  readonly counted: (result: SignInResult) => void
}

/** GET /sign-in */
export function showSignIn({ frame, signInNeeded }: SignInParts) {
  return (ctx: Context): void => {
    const back = backPath(queryOf(ctx).get('back'))
    if (signInNeeded) answerForm(frame, ctx, back, undefined, 200)
    else seeOther(ctx, back)
  }
}

/** POST /sign-in: a reader's token for a session of its own. */
export function signIn({ frame, readers, sessions, attempts, counted }: SignInParts) {
  return async (ctx: Context): Promise<void> => {
    checkSameOrigin(ctx, frame.publicUrl)
    const from = ctx.req.socket.remoteAddress ?? ''
    const form = await readForm(ctx)
    const back = backPath(form.get('back'))
    try {
      attempts.check(from)
      const authorization = `Bearer ${(form.get('token') ?? '').trim()}`
      await readers({ authorization, from })
      const secure = isSecure(ctx, frame.publicUrl)
      const maxAgeSeconds = sessionLifeMs / 1000
      const session = sessions.seal(authorization)
      setCookie(ctx, cookieName(sessionCookie, secure), session, secure, { httpOnly: true, maxAgeSeconds })
      counted('accepted')
      seeOther(ctx, back)
    } catch (reason) {
      const error = PulltraceError.from(reason)
      if (error.code === Code.Exhausted) {
        counted('limited')
        const seconds = Math.ceil(error.details.retryAfterSeconds ?? 1)
        ctx.set('Retry-After', String(seconds))
        const wait = `Too many wrong tokens came from your address. Try again in ${Math.ceil(seconds / 60)} min.`
        answerForm(frame, ctx, back, wait, 429)
        return
      }
      if (error.code !== Code.Unauthenticated && error.code !== Code.PermissionDenied) throw error
      attempts.failed(from)
      counted('refused')
      const denied = 'That token is good, and its owner may not read here.'
      const fault = error.code === Code.PermissionDenied ? denied : 'That token is not valid.'
      answerForm(frame, ctx, back, fault, error.code === Code.PermissionDenied ? 403 : 401)
    }
  }
}

/** POST /sign-out */
export function signOut({ frame, sessions }: SignInParts) {
  return async (ctx: Context): Promise<void> => {
    checkSameOrigin(ctx, frame.publicUrl)
    const session = sessionOf(ctx)
    const form = await readForm(ctx)
    if (session !== undefined) {
      checkCsrf(form, session)
      sessions.end(session)
    }
    const secure = isSecure(ctx, frame.publicUrl)
    clearCookie(ctx, cookieName(sessionCookie, secure), secure)
    seeOther(ctx, '/sign-in')
  }
}

function answerForm(frame: PageFrame, ctx: Context, back: string, fault: string | undefined, status: number): void {
  const body = html`<section class="card"><h1>Sign in to Pulltrace</h1>
<form method="post" action="/sign-in">
<input type="hidden" name="back" value="${back}">
<div class="field"><label for="token">Reader token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus aria-describedby="${fault !== undefined && html`fault `}hint"${fault !== undefined && html` aria-invalid="true"`}>
${fault !== undefined && html`<p class="fault" id="fault" role="alert">${fault}</p>`}
<p class="hint" id="hint">In a cluster: <code>kubectl -n pulltrace-system get secret pulltrace-reader -o jsonpath='{.data.token}' | base64 -d</code></p></div>
<button class="primary">Sign in</button>
</form></section>`
  frame.answer(ctx, { title: 'Sign in', body }, status)
}
