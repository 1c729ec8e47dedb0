import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import Router from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { httpStatus, retryAfterOf } from '../../../core/lib/http-status.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PauseState } from '../../store/rules-store.ts'
import type { Assets } from '../../ui/assets.ts'
import { errorBody, errorTitle } from '../../ui/error-page.ts'
import { type Html, html } from '../../ui/html.ts'
import { assetPath, serveAssets } from '../../ui/http/assets-route.ts'
import { csrfField, csrfTokenOf } from '../../ui/http/forms.ts'
import { answerPage } from '../../ui/http/page-headers.ts'
import { readerTheme, seeOther, switchTheme } from '../../ui/http/theme-route.ts'
import { layout, type Page } from '../../ui/layout.ts'
import { frameOf, mayAs } from '../frame.ts'
import type { WebUiMetrics } from '../metrics.ts'
import { type Accounts, actorOf, type Caller } from '../people/accounts.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { accountRoutes } from './account-routes.ts'
import { Guard, type SignedIn } from './guard.ts'

export interface WebAppParts {
  readonly routes: readonly Route[]
  readonly accounts: Accounts
  readonly assets: Assets
  /** Whether sensors get rules now; at most a second old. */
  readonly pause: () => Promise<PauseState>
  readonly publicUrl: string | undefined
  readonly pullsUrl: string | undefined
  readonly notice: string | undefined
  /** Proxies in front whose X-Forwarded-For is believed. */
  readonly trustedProxies: number
  readonly metrics: Pick<WebUiMetrics, 'answered' | 'refused'>
  readonly version: string
  readonly clock: Clock
  readonly log: Logger
}

/** A route of the program itself, with what Koa has: those that touch cookies. */
export interface OpenRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly handle: (ctx: Context, edge: Edge) => Promise<void> | void
}

/** What every answer is made with. */
export interface Edge {
  readonly guard: Guard
  /** The page in its frame, for whoever asks. */
  answer(ctx: Context, page: Page, status?: number): Promise<void>
  callerOf(ctx: Context): Caller
  whoOf(ctx: Context): Promise<SignedIn | undefined>
}

export const csrfOf = (token: string): Html =>
  html`<input type="hidden" name="${csrfField}" value="${csrfTokenOf(token)}">`

/** Koa as thin as it goes: one edge for headers, faults and figures, one guard, then the routes. */
export function createWebApp(parts: WebAppParts): Koa {
  const { routes, accounts, assets, publicUrl, trustedProxies, metrics, clock, log } = parts
  const app = new Koa()
  app.proxy = trustedProxies > 0
  app.maxIpsCount = trustedProxies
  const guard = new Guard({ accounts, publicUrl, refused: metrics.refused })
  const edge: Edge = { guard, answer: (ctx, page, status) => answer(ctx, page, status), callerOf, whoOf }

  /** Looked up once for each request. */
  function whoOf(ctx: Context): Promise<SignedIn | undefined> {
    ctx.state['who'] ??= guard.signedIn(ctx)
    return ctx.state['who'] as Promise<SignedIn | undefined>
  }

  async function answer(ctx: Context, page: Page, status = 200): Promise<void> {
    const who = await whoOf(ctx)
    const frame = frameOf({
      ...{ assets, theme: readerTheme(ctx), version: parts.version, pullsUrl: parts.pullsUrl, notice: parts.notice },
      here: ctx.method === 'GET' ? ctx.url : '/',
      who: who && { user: who.session.user, csrf: csrfOf(who.token), pause: await parts.pause() },
    })
    answerPage(ctx, layout(frame, page), status)
  }

  const router = new Router()
  const add = (method: string, path: string, run: (ctx: Context) => unknown) =>
    router.register(path, [method], [(async (ctx: Context) => void (await run(ctx))) as never])
  add('GET', assetPath, serveAssets(assets))
  add('POST', '/theme', ctx => {
    guard.sameOrigin(ctx)
    return switchTheme(publicUrl)(ctx)
  })
  for (const { method, path, handle } of accountRoutes(accounts, publicUrl)) add(method, path, ctx => handle(ctx, edge))
  for (const route of routes) add(route.method, route.path, ctx => serve(ctx, edge, route))

  app.use(async (ctx, next) => {
    const startedMs = clock.monotonic()
    const given = ctx.get('x-request-id')
    ctx.state['requestId'] = /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID()
    ctx.set('X-Request-Id', ctx.state['requestId'] as string)
    try {
      await next()
      if (ctx['_matchedRoute'] === undefined) throw unmatched(ctx)
    } catch (reason) {
      await answerError(ctx, edge, PulltraceError.from(reason), log)
    }
    metrics.answered(ctx['_matchedRoute'] ?? 'none', ctx.method, ctx.status, (clock.monotonic() - startedMs) / 1000)
  })
  app.use(router.routes() as unknown as Middleware)
  // What reaches Koa itself went wrong after the answer began: a client that hung up, most often.
  app.on('error', error => log.debug('answer not delivered', { error }))
  return app
}

function callerOf(ctx: Context): Caller {
  return { address: ctx.ip, requestId: ctx.state['requestId'] as string }
}

async function serve(ctx: Context, edge: Edge, route: Route): Promise<void> {
  const who = await edge.whoOf(ctx)
  const form = await edge.guard.check(ctx, who, route)
  const { user } = who!.session
  const gone = new AbortController()
  ctx.res.once('close', () => gone.abort())
  const request: PageRequest = {
    ...{ path: ctx.path, params: ctx['params'] ?? {}, query: new URLSearchParams(ctx.querystring), form, user },
    ...{ actor: actorOf(user, callerOf(ctx)), csrf: csrfOf(who!.token), wantsJson: wantsJson(ctx) },
    may: role => mayAs(user.role, role),
    signal: gone.signal,
  }
  await send(ctx, edge, await route.handle(request))
}

async function send(ctx: Context, edge: Edge, answer: Answer): Promise<void> {
  if ('page' in answer) return edge.answer(ctx, answer.page, answer.status)
  if ('seeOther' in answer) return seeOther(ctx, answer.seeOther)
  ctx.set('Cache-Control', 'no-store')
  ctx.set('X-Content-Type-Options', 'nosniff')
  if ('json' in answer) {
    ctx.status = answer.status ?? 200
    ctx.body = answer.json
    return
  }
  ctx.type = answer.type
  ctx.set('Content-Disposition', `attachment; filename="${answer.name}"`)
  ctx.body = Readable.from(answer.file, { objectMode: false })
}

/** Under /api/ whoever does not ask for a page, as the forms of a browser do; elsewhere who asks for JSON and no page. */
const wantsJson = (ctx: Context) =>
  ctx.path.startsWith('/api/') ? !ctx.get('accept').includes('text/html') : ctx.accepts('html', 'json') === 'json'

function unmatched(ctx: Context): PulltraceError {
  const matched = (ctx['matched'] ?? []) as readonly { readonly methods: readonly string[] }[]
  if (matched.length === 0) {
    return new PulltraceError(Code.NotFound, `there is nothing at '${ctx.path.slice(0, 200)}'`)
  }
  const allowed = [...new Set(matched.flatMap(({ methods }) => methods))].join(', ')
  ctx.set('Allow', allowed)
  return new PulltraceError(Code.NotAllowed, `'${ctx.method.slice(0, 20)}' is not allowed here`, {
    bound: `one of ${allowed}`,
  })
}

async function answerError(ctx: Context, edge: Edge, error: PulltraceError, log: Logger): Promise<void> {
  const status = httpStatus[error.code]
  const fields = { method: ctx.method, path: ctx.url.split('?', 1)[0]!.slice(0, 200), status, error }
  const requestId = ctx.state['requestId'] as string
  if (error.code === Code.Internal) log.error('request failed', { ...fields, requestId })
  else log.debug('request refused', { ...fields, requestId })
  if (ctx.headerSent || !ctx.writable) return
  const retryAfter = retryAfterOf(error)
  if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter)
  if (wantsJson(ctx)) return answerJsonError(ctx, error, status)
  const who = await edge.whoOf(ctx).catch(() => undefined)
  if (ctx.method === 'GET' && who === undefined && error.code === Code.Unauthenticated) {
    return seeOther(ctx, ctx.url === '/' ? '/sign-in' : `/sign-in?back=${encodeURIComponent(ctx.url)}`)
  }
  if (ctx.method === 'GET' && who?.session.user.mustChangePassword && error.code === Code.PermissionDenied) {
    return seeOther(ctx, '/password')
  }
  const page = { title: errorTitle(error), body: errorBody(error) }
  try {
    await edge.answer(ctx, page, status)
  } catch (reason) {
    // The database that says whether rules are paused is away: without the frame then.
    log.debug('error page without its frame', { error: reason })
    answerPage(ctx, `<!doctype html>\n${html`<title>${page.title}</title>${page.body}`}`, status)
  }
}

function answerJsonError(
  ctx: Context,
  { code, publicMessage: message, details }: PulltraceError,
  status: number,
): void {
  const { path, bound, seen, fix } = details
  ctx.status = status
  ctx.set('Cache-Control', 'no-store')
  ctx.set('X-Content-Type-Options', 'nosniff')
  ctx.body = { error: { code, message, path, bound, seen, fix } }
}
