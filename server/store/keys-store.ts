import type { Actor } from './rules-store.ts'

export interface ApiKey {
  /** UUIDv7. */
  readonly id: string
  readonly name: string
  /** Which secret its hash was made with. */
  readonly secretId: string
  readonly createdAtMs: number
  readonly lastUsedAtMs?: number | undefined
  readonly revokedAtMs?: number | undefined
}

export interface NewApiKey {
  readonly name: string
  readonly secretId: string
  /** HMAC-SHA256(secret, the whole key). The key itself is nowhere. */
  readonly hash: Uint8Array
}

/** A server secret that was made here because none was set. */
export interface StoredSecret {
  readonly id: string
  readonly secret: Uint8Array
}

export interface KeysStore {
  /** @throws Code.Conflict when that hash is there: a key is registered once. */
  create(key: NewApiKey, by: Actor): Promise<ApiKey>
  findByHash(hash: Uint8Array): Promise<ApiKey | undefined>
  /** Newest first, revoked ones too. */
  list(): Promise<readonly ApiKey[]>
  /** Final. @throws Code.NotFound; of a revoked key it changes nothing. */
  revoke(id: string, by: Actor): Promise<ApiKey>
  /** Best effort. */
  touch(id: string, usedAtMs: number): Promise<void>
  /** The secret made at the first start, made now when there is none. Two callers at once get the same. */
  storedSecret(): Promise<StoredSecret>
}
