import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Session } from '../../store/sessions-store.ts'
import type { Role } from '../../store/users-store.ts'
import { cookieName, cookieOf, isSecure } from '../../ui/http/cookies.ts'
import { checkCsrf, checkSameOrigin, readForm } from '../../ui/http/forms.ts'
import { mayAs } from '../frame.ts'
import type { Refusal } from '../metrics.ts'
import type { Accounts } from '../people/accounts.ts'

export interface GuardParts {
  readonly accounts: Accounts
  readonly publicUrl: string | undefined
  readonly refused: (reason: Refusal) => void
}

/** Somebody who is signed in. */
export interface SignedIn {
  readonly session: Session
  /** Of the cookie. */
  readonly token: string
}

export interface Guarded {
  readonly role: Role
  readonly maxFormBytes?: number | undefined
  /** Also for who must choose a password first. */
  readonly beforePasswordChange?: boolean
}

const sessionCookie = 'tk_session'

/** The one place that decides who may ask for what: every route goes through `check` or is open to anybody. */
export class Guard {
  readonly #parts: GuardParts

  constructor(parts: GuardParts) {
    this.#parts = parts
  }

  cookieOf(ctx: Context): string {
    return cookieName(sessionCookie, isSecure(ctx, this.#parts.publicUrl))
  }

  tokenOf(ctx: Context): string | undefined {
    return cookieOf(ctx, this.cookieOf(ctx))
  }

  /** Of the browser that asks; undefined when nobody is signed in there. */
  async signedIn(ctx: Context): Promise<SignedIn | undefined> {
    const token = this.tokenOf(ctx)
    if (token === undefined || token === '') return undefined
    const session = await this.#parts.accounts.sessionOf(token)
    if (session === undefined) this.#parts.refused('unknown_session')
    return session && { session, token }
  }

  /** For what anybody may send: sign-in, colours. */
  sameOrigin(ctx: Context): void {
    try {
      checkSameOrigin(ctx, this.#parts.publicUrl)
    } catch (error) {
      this.#parts.refused('cross_site')
      throw error
    }
  }

  /**
   * Who asks, and the form if one was sent: only after everything that may refuse it has been looked at.
   *
   * @throws Code.Unauthenticated, Code.PermissionDenied
   */
  async check(
    ctx: Context,
    who: SignedIn | undefined,
    { role, maxFormBytes, beforePasswordChange = false }: Guarded,
  ): Promise<URLSearchParams> {
    const changes = ctx.method !== 'GET' && ctx.method !== 'HEAD'
    if (changes) this.sameOrigin(ctx)
    if (who === undefined) {
      throw this.#refuse('no_session', Code.Unauthenticated, 'you are not signed in, or no longer', 'sign in')
    }
    const { user } = who.session
    if (user.mustChangePassword && !beforePasswordChange) {
      throw this.#refuse('password_change', Code.PermissionDenied, 'choose a password of your own first', '')
    }
    if (!mayAs(user.role, role)) {
      const message = `this needs the role ${role}, and yours is ${user.role}`
      throw this.#refuse('role', Code.PermissionDenied, message, 'ask an admin')
    }
    if (!changes) return new URLSearchParams()
    const form = await readForm(ctx, maxFormBytes)
    try {
      checkCsrf(form, who.token)
    } catch (error) {
      this.#parts.refused('csrf')
      throw error
    }
    return form
  }

  #refuse(reason: Refusal, code: Code, message: string, fix: string): PulltraceError {
    this.#parts.refused(reason)
    return new PulltraceError(code, message, { ...(fix !== '' && { fix }) })
  }
}
