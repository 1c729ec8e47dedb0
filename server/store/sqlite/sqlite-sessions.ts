import type { Actor } from '../rules-store.ts'
import type { NewSession, Session, SessionsStore } from '../sessions-store.ts'
import type { TkCalls } from './tk-calls.ts'

/** Who is signed in, through the workers. */
export class SqliteSessions implements SessionsStore {
  readonly #calls: TkCalls
  readonly #now: () => number

  constructor(calls: TkCalls, now: () => number) {
    this.#calls = calls
    this.#now = now
  }

  create(session: NewSession, by: Actor): Promise<void> {
    return this.#calls.write('sessions.create', session, by, this.#now())
  }

  find(tokenHash: Uint8Array): Promise<Session | undefined> {
    return this.#calls.read('sessions.find', tokenHash, this.#now())
  }

  async touch(tokenHash: Uint8Array): Promise<void> {
    // A page is readable while the disk is full; the session is then over a little earlier.
    await this.#calls.write('sessions.touch', tokenHash, this.#now()).catch(() => {})
  }

  end(tokenHash: Uint8Array, by: Actor): Promise<void> {
    return this.#calls.write('sessions.end', tokenHash, by, this.#now())
  }

  blocked(name: string, by: Actor): Promise<void> {
    return this.#calls.write('sessions.blocked', name, by, this.#now())
  }

  prune(): Promise<number> {
    return this.#calls.write('sessions.prune', this.#now())
  }
}
