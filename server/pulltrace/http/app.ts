import cors from '@koa/cors'
import Router from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { httpStatus, retryAfterOf } from '../../../core/lib/http-status.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { AnswerBudget } from './answer-budget.ts'
import { setSecurityHeaders } from './security-headers.ts'
import { errorBody, notFound } from './status.ts'

/** Of large answers that clients have not taken yet: about eight of the largest. */
const maxAnswerBytes = 64 * 1024 * 1024

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly handlers: readonly Middleware[]
}

export interface AppParts {
  readonly routes: readonly Route[]
  /** Origins whose pages may read answers; '*' is all. */
  readonly corsOrigins: readonly string[]
  /** Called when an answer is decided; for a stream when it begins. `route` is the path as in the list, or 'none'. */
  readonly answered: (route: string, method: string, status: number, seconds: number) => void
  /** Answers an error as a page, where a page was asked for; false when it has not. */
  readonly errorPage?: (ctx: Context, error: PulltraceError, status: number) => boolean
  readonly clock: Clock
  readonly log: Logger
}

/** Koa as thin as it goes: one edge for headers, faults and figures, then the routes. */
export function createApp({ routes, corsOrigins, answered, errorPage, clock, log }: AppParts): Koa {
  const app = new Koa()
  const budget = new AnswerBudget(maxAnswerBytes)

  app.use(async (ctx, next) => {
    const startedMs = clock.monotonic()
    try {
      checkTarget(ctx)
      await next()
      budget.hold(ctx)
    } catch (reason) {
      answerError(ctx, PulltraceError.from(reason), errorPage, log)
    }
    // Reports and streams have written their head, with these, themselves.
    if (!ctx.headerSent) setSecurityHeaders(ctx.res)
    answered(ctx['_matchedRoute'] ?? 'none', ctx.method, ctx.status, (clock.monotonic() - startedMs) / 1000)
  })
  if (corsOrigins.length > 0) app.use(corsFor(corsOrigins))
  app.use(routed(routes))
  app.use(answerUnmatched)
  // What reaches Koa itself went wrong after the answer began: a client that hung up, most often.
  app.on('error', error => log.debug('answer not delivered', { error }))
  return app
}

const hasParameters = /[:*{(]/

/**
 * What is asked for by its exact path and has one handler is found at once. All but a few requests are reports, and the
 * router, which tries each of its paths, would be a tenth of what one costs. All else, such as a wrong method, is the router's.
 */
function routed(routes: readonly Route[]): Middleware {
  const direct = new Map<string, { readonly path: string; readonly handler: Middleware }>()
  const router = new Router()
  for (const { method, path, handlers } of routes) {
    router.register(path, [method], [...handlers] as never)
    const [handler, ...more] = handlers
    if (handler === undefined || more.length > 0 || hasParameters.test(path)) continue
    direct.set(`${method} ${path}`, { path, handler })
  }
  const route = router.routes() as unknown as Middleware
  return (ctx, next) => {
    const found = direct.get(`${ctx.method} ${ctx.path}`)
    if (found === undefined) return route(ctx, next)
    ctx['_matchedRoute'] = found.path
    return found.handler(ctx, next)
  }
}

function corsFor(origins: readonly string[]): Middleware {
  const all = origins.includes('*')
  return cors({
    origin: ctx => (all || origins.includes(ctx.get('origin')) ? (all ? '*' : ctx.get('origin')) : ''),
    allowMethods: 'GET,HEAD,POST,OPTIONS',
    allowHeaders: 'Authorization,Content-Type,If-None-Match,Last-Event-ID',
    exposeHeaders: 'ETag,Retry-After',
    maxAge: 600,
  })
}

/** A path, or an absolute URL as proxies send it. What cannot be parsed would make each look at `ctx.path` throw. */
function checkTarget(ctx: Context): void {
  try {
    void ctx.path
  } catch {
    const bound = 'a path or an absolute URL'
    const seen = `'${ctx.url.slice(0, 80)}'`
    throw new PulltraceError(Code.Invalid, `the request target must be ${bound}, got ${seen}`, { bound, seen })
  }
}

/** Runs when no route took the request: a wrong path, a wrong method, or a question about methods. */
function answerUnmatched(ctx: Context): void {
  const matched = (ctx['matched'] ?? []) as readonly { readonly methods: readonly string[] }[]
  const methods = [...new Set(matched.flatMap(layer => layer.methods)), 'OPTIONS']
  if (matched.length === 0) throw notFound(ctx.path)
  ctx.set('Allow', methods.join(', '))
  if (ctx.method === 'OPTIONS') {
    ctx.status = 204
    return
  }
  throw new PulltraceError(Code.NotAllowed, `'${ctx.method}' is not allowed at '${ctx.path}'`, {
    bound: `one of ${methods.join(', ')}`,
    seen: ctx.method,
  })
}

function answerError(ctx: Context, error: PulltraceError, errorPage: AppParts['errorPage'], log: Logger): void {
  const status = httpStatus[error.code]
  // Never the query: it may hold a ticket.
  const fields = { method: ctx.method, path: ctx.url.split('?', 1)[0], status, error }
  if (error.code === Code.Internal) log.error('request failed', fields)
  else log.debug('request refused', fields)
  if (ctx.headerSent || !ctx.writable) return
  ctx.status = status
  ctx.set('Cache-Control', 'no-store')
  const retryAfter = retryAfterOf(error)
  if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter)
  if (error.code === Code.Unauthenticated) ctx.set('WWW-Authenticate', 'Bearer realm="pulltrace"')
  if (errorPage?.(ctx, error, status)) return
  ctx.body = errorBody(error)
}

/** Answers 406 when the client wants none of what the route has. */
export function produces(type: string): Middleware {
  return (ctx, next) => {
    const accept = ctx.req.headers.accept
    if (accept === undefined || accept === '*/*' || accept === type || ctx.accepts(type)) return next()
    throw new PulltraceError(Code.NotAcceptable, `'${ctx.path}' is served as '${type}' only`, {
      path: 'accept',
      bound: type,
      seen: accept.slice(0, 80),
    })
  }
}
