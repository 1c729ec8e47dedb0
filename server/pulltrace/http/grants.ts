import type { ServerResponse } from 'node:http'
import type { Context, Middleware } from 'koa'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { cookieName, cookieOf } from '../../ui/http/cookies.ts'
import { openGrant, type ReaderAuth, type ReaderGrant } from './auth.ts'
import { queryOf } from './query.ts'

export const sessionCookie = 'pulltrace-session'

/** Lets readers pass; the handlers behind it find their grant in the context. */
export function readBy(readers: ReaderAuth, { ticket }: { readonly ticket: boolean } = { ticket: false }): Middleware {
  return (ctx, next) => {
    const { authorization } = ctx.req.headers
    const shown = { authorization, session: sessionOf(ctx), from: ctx.req.socket.remoteAddress }
    const grant = readers(ticket ? { ...shown, ticket: queryOf(ctx).get('ticket') ?? undefined } : shown)
    if (!(grant instanceof Promise)) {
      ctx.state['grant'] = grant
      return next()
    }
    return grant.then(late => {
      ctx.state['grant'] = late
      return next()
    })
  }
}

/** By either name: that of plain HTTP, and that of TLS, which a browser takes from this very host only. */
export const sessionOf = (ctx: Context): string | undefined =>
  ctx.req.headers.cookie === undefined
    ? undefined
    : (cookieOf(ctx, cookieName(sessionCookie, true)) ?? cookieOf(ctx, sessionCookie))

export const grantOf = (ctx: Context): ReaderGrant => ctx.state['grant']

/** While nobody can say whether a grant still holds, its streams go on for this long. Milliseconds. */
export const unsureForMs = 5 * 60_000

interface Guarded {
  readonly grant: ReaderGrant
  /** When it was last sure; monotonic ms. */
  sureMs: number
}

/**
 * Streams outlive the look at their credential, so it is looked at again and again: one whose token was
 * revoked, or replaced, is cut. Its client comes back by itself, and is then told why it may not.
 */
export class GrantGuard {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #log: Logger
  readonly #guarded = new Map<ServerResponse, Guarded>()

  constructor(clock: Pick<Clock, 'monotonic'>, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  add(response: ServerResponse, grant: ReaderGrant): void {
    if (grant === openGrant) return
    this.#guarded.set(response, { grant, sureMs: this.#clock.monotonic() })
    response.once('close', () => this.#guarded.delete(response))
  }

  /** To be called every few seconds: answers that are known cost nothing. */
  async sweep(): Promise<void> {
    await Promise.all([...this.#guarded].map(([response, guarded]) => this.#check(response, guarded)))
  }

  async #check(response: ServerResponse, guarded: Guarded): Promise<void> {
    // Its end can come before it was added: a pipelined request whose connection is gone.
    if (response.destroyed) {
      this.#guarded.delete(response)
      return
    }
    const nowMs = this.#clock.monotonic()
    try {
      await guarded.grant.recheck()
      guarded.sureMs = nowMs
    } catch (reason) {
      const { code, message } = PulltraceError.from(reason)
      const refused = code === Code.Unauthenticated || code === Code.PermissionDenied
      if (!refused && nowMs - guarded.sureMs < unsureForMs) return
      this.#log.info('stream cut, its reader may not read any more', { reason: message })
      response.destroy()
    }
  }
}
