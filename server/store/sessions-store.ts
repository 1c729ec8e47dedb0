import type { Actor } from './rules-store.ts'
import type { User } from './users-store.ts'

export interface NewSession {
  /** Of the token: the token itself is in the cookie alone. */
  readonly tokenHash: Uint8Array
  readonly userId: string
  /** Without a request for so long it is over. */
  readonly idleMs: number
  /** It is over then, whoever uses it. Milliseconds since the Unix epoch. */
  readonly endsAtMs: number
}

export interface Session {
  readonly user: User
  readonly idleMs: number
  readonly createdAtMs: number
  readonly lastSeenAtMs: number
  readonly endsAtMs: number
}

/** Who is signed in. */
export interface SessionsStore {
  /** Tells of the sign-in in the audit log. @throws Code.NotFound when the user has been deleted meanwhile. */
  create(session: NewSession, by: Actor): Promise<void>
  /** Undefined when there is none, or it is over. */
  find(tokenHash: Uint8Array): Promise<Session | undefined>
  /** Best effort: that it was used. */
  touch(tokenHash: Uint8Array): Promise<void>
  /** Tells of it in the audit log, once. */
  end(tokenHash: Uint8Array, by: Actor): Promise<void>
  /** Tells in the audit log that sign-ins of a name, which need not be anybody's, are refused for a while. */
  blocked(name: string, by: Actor): Promise<void>
  /** Forgets those that are over; answers how many. */
  prune(): Promise<number>
}
