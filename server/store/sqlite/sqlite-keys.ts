import type { ApiKey, KeysStore, NewApiKey, StoredSecret } from '../keys-store.ts'
import type { Actor } from '../rules-store.ts'
import type { TkCalls } from './tk-calls.ts'

/** API keys, through the workers. */
export class SqliteKeys implements KeysStore {
  readonly #calls: TkCalls
  readonly #now: () => number

  constructor(calls: TkCalls, now: () => number) {
    this.#calls = calls
    this.#now = now
  }

  create(key: NewApiKey, by: Actor): Promise<ApiKey> {
    return this.#calls.write('keys.create', key, by, this.#now())
  }

  findByHash(hash: Uint8Array): Promise<ApiKey | undefined> {
    return this.#calls.read('keys.findByHash', hash)
  }

  list(): Promise<readonly ApiKey[]> {
    return this.#calls.read('keys.list')
  }

  revoke(id: string, by: Actor): Promise<ApiKey> {
    return this.#calls.write('keys.revoke', id, by, this.#now())
  }

  async touch(id: string, usedAtMs: number): Promise<void> {
    // It tells people what is in use; no request may fail for it, and health says what is wrong.
    await this.#calls.write('keys.touch', id, usedAtMs).catch(() => {})
  }

  async storedSecret(): Promise<StoredSecret> {
    return (await this.#calls.read('keys.storedSecret')) ?? this.#calls.write('keys.makeSecret', this.#now())
  }
}
