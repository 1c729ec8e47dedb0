import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { Actor } from '../../store/rules-store.ts'
import type { Session } from '../../store/sessions-store.ts'
import type { TkStore } from '../../store/tk-store.ts'
import type { User } from '../../store/users-store.ts'
import { Guesses } from './guesses.ts'
import { checkPassword } from './parse-people.ts'
import { hashPassword, isPassword, type ScryptCost, scryptCost } from './password.ts'
import { longLife, makeToken, shortLife, tokenHashOf } from './session-token.ts'

/** From where something is asked. */
export interface Caller {
  readonly address: string
  readonly requestId: string
}

export interface SignIn {
  readonly name: string
  readonly password: string
  /** Whether to stay signed in for longer. */
  readonly remember: boolean
}

export interface Started {
  readonly user: User
  /** For the cookie. */
  readonly token: string
  readonly remember: boolean
}

export type SignInResult = 'success' | 'wrong' | 'blocked'

export interface AccountsParts {
  readonly store: Pick<TkStore, 'users' | 'sessions'>
  readonly clock: Clock
  readonly log: Logger
  /** For metrics. */
  readonly tried: (result: SignInResult) => void
  readonly cost?: ScryptCost
  readonly guesses?: Guesses
}

/** A session is written as used at most so often. */
const touchEveryMs = 60_000

export const actorOf = ({ name }: Pick<User, 'name'>, { address, requestId }: Caller): Actor => ({
  ...{ name: `user:${name}`, address, requestId },
})

/** Who is who: sign-in, sessions and passwords. */
export class Accounts {
  readonly #parts: AccountsParts
  readonly #guesses: Guesses
  readonly #cost: ScryptCost
  /** Compared with when there is nobody of that name, so that the answer takes as long. */
  readonly #nobody: Promise<string>

  constructor(parts: AccountsParts) {
    this.#parts = parts
    this.#guesses = parts.guesses ?? new Guesses(parts.clock)
    this.#cost = parts.cost ?? scryptCost
    this.#nobody = hashPassword(makeToken(), this.#cost)
  }

  /**
   * Starts a session of a new token; `before`, which the browser came with, is over.
   *
   * @throws Code.Unauthenticated, in the same words whether or not there is such a user; Code.Exhausted after too many.
   */
  async signIn({ name, password, remember }: SignIn, caller: Caller, before?: string): Promise<Started> {
    const { users } = this.#parts.store
    await this.#mayGuess(name, caller)
    const found = await users.findByName(name)
    const right = await isPassword(password.slice(0, 1024), found?.passwordHash ?? (await this.#nobody))
    if (found === undefined || !right) {
      this.#parts.tried('wrong')
      this.#parts.log.warn('sign-in refused', { user: name.slice(0, 64), ...caller })
      throw new PulltraceError(Code.Unauthenticated, 'the user name or the password is wrong', {
        fix: 'look at upper and lower case; an admin can give you a new password',
      })
    }
    this.#guesses.right(name, caller.address)
    const started = await this.#start(found.user, remember, caller)
    if (before !== undefined) await this.signOut(before, found.user, caller)
    this.#parts.tried('success')
    this.#parts.log.info('signed in', { user: found.user.name, ...caller })
    return started
  }

  /** Undefined when the token is none of ours, or over. */
  async sessionOf(token: string): Promise<Session | undefined> {
    const hash = tokenHashOf(token)
    const session = hash && (await this.#parts.store.sessions.find(hash))
    if (session === undefined) return undefined
    if (this.#parts.clock.now() - session.lastSeenAtMs >= touchEveryMs) void this.#parts.store.sessions.touch(hash!)
    return session
  }

  async signOut(token: string, user: User, caller: Caller): Promise<void> {
    const hash = tokenHashOf(token)
    if (hash !== undefined) await this.#parts.store.sessions.end(hash, actorOf(user, caller))
  }

  /** Ends every session of that person, and starts one of a new token. @throws Code.Invalid, Code.Exhausted */
  async changePassword(
    session: Session,
    { current, next, again }: { readonly current: string; readonly next: string; readonly again: string },
    caller: Caller,
  ): Promise<Started> {
    const { user } = session
    checkPassword(next, user.name)
    if (next !== again) {
      throw new PulltraceError(Code.Invalid, 'the two new passwords must be the same', { path: 'again' })
    }
    await this.#mayGuess(user.name, caller)
    const found = await this.#parts.store.users.get(user.id)
    if (found === undefined || !(await isPassword(current.slice(0, 1024), found.passwordHash))) {
      this.#parts.tried('wrong')
      throw new PulltraceError(Code.Invalid, 'the current password is wrong', { path: 'current' })
    }
    this.#guesses.right(user.name, caller.address)
    if (next === current) {
      throw new PulltraceError(Code.Invalid, 'the new password must be another one', { path: 'password' })
    }
    const passwordHash = await hashPassword(next, this.#cost)
    const changed = { passwordHash, mustChangePassword: false }
    const after = await this.#parts.store.users.setPassword(user.id, changed, actorOf(user, caller))
    return this.#start(after, session.idleMs > shortLife.idleMs, caller)
  }

  /** What is stored for a password that somebody else is to be given. */
  hash(password: string): Promise<string> {
    return hashPassword(password, this.#cost)
  }

  async #mayGuess(name: string, caller: Caller): Promise<void> {
    const verdict = this.#guesses.begin(name, caller.address)
    if (verdict.may) return
    this.#parts.tried('blocked')
    if (verdict.first) {
      const user = [...name].slice(0, 64).join('')
      this.#parts.log.warn('sign-in blocked', { user, ...caller })
      await this.#parts.store.sessions.blocked(user, { name: 'anonymous', ...caller })
    }
    const minutes = Math.ceil(verdict.waitMs / 60_000)
    throw new PulltraceError(Code.Exhausted, 'too many wrong passwords', {
      fix: `try again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`,
      retryAfterSeconds: Math.ceil(verdict.waitMs / 1000),
    })
  }

  async #start(user: User, remember: boolean, caller: Caller): Promise<Started> {
    const token = makeToken()
    const { idleMs, mostMs } = remember ? longLife : shortLife
    const endsAtMs = this.#parts.clock.now() + mostMs
    const session = { tokenHash: tokenHashOf(token)!, userId: user.id, idleMs, endsAtMs }
    await this.#parts.store.sessions.create(session, actorOf(user, caller))
    return { user, token, remember }
  }
}
