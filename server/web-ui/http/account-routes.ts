import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { httpStatus, retryAfterOf } from '../../../core/lib/http-status.ts'
import { clearCookie, isSecure, setCookie } from '../../ui/http/cookies.ts'
import { backPath, readForm } from '../../ui/http/forms.ts'
import { seeOther } from '../../ui/http/theme-route.ts'
import { passwordPage } from '../pages/password-page.ts'
import { signInPage } from '../pages/sign-in-page.ts'
import type { Accounts, Started } from '../people/accounts.ts'
import { longLife } from '../people/session-token.ts'
import { csrfOf, type Edge, type OpenRoute } from './app.ts'

/** The routes that give and take the cookie of a session. */
export function accountRoutes(accounts: Accounts, publicUrl: string | undefined): readonly OpenRoute[] {
  const secure = (ctx: Context) => isSecure(ctx, publicUrl)

  function giveCookie(ctx: Context, { guard }: Edge, { token, remember }: Started): void {
    const options = remember ? { maxAgeSeconds: longLife.mostMs / 1000, httpOnly: true } : { httpOnly: true }
    setCookie(ctx, guard.cookieOf(ctx), token, secure(ctx), options)
  }

  /** What was typed wrong stands on the page again, with why; everything else is an error page. */
  async function orAgain(ctx: Context, run: () => Promise<void>, again: (error: PulltraceError) => Promise<void>) {
    try {
      await run()
    } catch (reason) {
      const error = PulltraceError.from(reason)
      if (![Code.Unauthenticated, Code.Invalid, Code.Exhausted].includes(error.code as never)) throw error
      const retryAfter = retryAfterOf(error)
      if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter)
      await again(error)
    }
  }

  return [
    {
      method: 'GET',
      path: '/sign-in',
      async handle(ctx, edge) {
        const back = backPath(new URLSearchParams(ctx.querystring).get('back'))
        if ((await edge.whoOf(ctx)) !== undefined) return seeOther(ctx, back)
        await edge.answer(ctx, signInPage({ back }))
      },
    },
    {
      method: 'POST',
      path: '/sign-in',
      async handle(ctx, edge) {
        edge.guard.sameOrigin(ctx)
        const form = await readForm(ctx)
        const back = backPath(form.get('back'))
        const name = form.get('name') ?? ''
        const remember = form.has('remember')
        const asked = { name, password: form.get('password') ?? '', remember }
        await orAgain(
          ctx,
          async () => {
            const started = await accounts.signIn(asked, edge.callerOf(ctx), edge.guard.tokenOf(ctx))
            giveCookie(ctx, edge, started)
            seeOther(ctx, started.user.mustChangePassword ? '/password' : back)
          },
          async error => {
            // Whoever was signed in before still is; the page is for who is not.
            ctx.state['who'] = Promise.resolve(undefined)
            await edge.answer(ctx, signInPage({ back, name, remember, fault: error }), httpStatus[error.code])
          },
        )
      },
    },
    {
      method: 'POST',
      path: '/sign-out',
      async handle(ctx, edge) {
        const who = await edge.whoOf(ctx)
        await edge.guard.check(ctx, who, { role: 'viewer', beforePasswordChange: true })
        await accounts.signOut(who!.token, who!.session.user, edge.callerOf(ctx))
        clearCookie(ctx, edge.guard.cookieOf(ctx), secure(ctx))
        seeOther(ctx, '/sign-in')
      },
    },
    {
      method: 'GET',
      path: '/password',
      async handle(ctx, edge) {
        const who = await edge.whoOf(ctx)
        await edge.guard.check(ctx, who, { role: 'viewer', beforePasswordChange: true })
        const done = new URLSearchParams(ctx.querystring).has('done')
        await edge.answer(ctx, passwordPage({ user: who!.session.user, csrf: csrfOf(who!.token), done }))
      },
    },
    {
      method: 'POST',
      path: '/password',
      async handle(ctx, edge) {
        const who = await edge.whoOf(ctx)
        const form = await edge.guard.check(ctx, who, { role: 'viewer', beforePasswordChange: true })
        const { session, token } = who!
        const field = (name: string) => form.get(name) ?? ''
        const asked = { current: field('current'), next: field('password'), again: field('again') }
        await orAgain(
          ctx,
          async () => {
            giveCookie(ctx, edge, await accounts.changePassword(session, asked, edge.callerOf(ctx)))
            seeOther(ctx, session.user.mustChangePassword ? '/' : '/password?done')
          },
          error =>
            edge.answer(
              ctx,
              passwordPage({ user: session.user, csrf: csrfOf(token), fault: error }),
              httpStatus[error.code],
            ),
        )
      },
    },
  ]
}
