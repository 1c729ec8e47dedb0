import { hash } from 'node:crypto'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { Lru } from '../../../core/lib/lru.ts'
import type { ApiKey, KeysStore } from '../../store/keys-store.ts'
import { hashesOf, type ParsedKey, parseKey } from '../../tk/api-key.ts'
import type { HmacSecret } from '../../tk/secrets.ts'

/** A revocation works within so long, in every process. Milliseconds. */
const cachedForMs = 10_000
const touchedEveryMs = 60_000
/** Only keys that exist are kept: nobody can fill it from outside. */
const mostCached = 10_000

const messages = {
  missing: 'API key required in x-api-key metadata',
  malformed: 'Invalid API key format',
  unknown: 'Invalid API key',
  revoked: 'API key has been revoked',
} as const

/** Why a caller was refused: the label of the metric. */
export type RefusedBecause = keyof typeof messages

export class KeyRefused extends PulltraceError {
  readonly reason: RefusedBecause

  constructor(reason: RefusedBecause) {
    super(reason === 'revoked' ? Code.PermissionDenied : Code.Unauthenticated, messages[reason])
    this.reason = reason
  }
}

export interface KeyRingParts {
  readonly secrets: readonly HmacSecret[]
  readonly store: Pick<KeysStore, 'findByHash' | 'touch'>
  readonly clock: Clock
}

/**
 * Knows callers by their keys. A key that exists is looked up every 10 s at most, and several calls at once ask once;
 * that it is used is noted once a minute, without anybody waiting for it.
 */
export class KeyRing {
  readonly #parts: KeyRingParts
  readonly #known = new Lru<string, { readonly key: ApiKey; readonly readMs: number }>(mostCached)
  readonly #asked = new Map<string, Promise<ApiKey | undefined>>()
  readonly #touched = new Lru<string, number>(mostCached)

  constructor(parts: KeyRingParts) {
    this.#parts = parts
  }

  /** @throws KeyRefused; Code.Unavailable when the store cannot say. */
  async authenticate(text: string | undefined): Promise<ApiKey> {
    if (!text) throw new KeyRefused('missing')
    const parsed = parseKey(text)
    if (!parsed) throw new KeyRefused('malformed')
    const key = await this.#find(parsed)
    if (!key) throw new KeyRefused('unknown')
    if (key.revokedAtMs !== undefined) throw new KeyRefused('revoked')
    this.#touch(key)
    return key
  }

  /** Remembered by a digest: it costs a tenth of the HMAC, and the time to find it tells nothing of the key. */
  #find(parsed: ParsedKey): Promise<ApiKey | undefined> | ApiKey {
    const digest = hash('sha256', parsed.text, 'base64')
    const known = this.#known.get(digest)
    if (known && this.#parts.clock.monotonic() - known.readMs < cachedForMs) return known.key
    const asked = this.#asked.get(digest)
    if (asked) return asked
    const asking = this.#read(digest, parsed).finally(() => this.#asked.delete(digest))
    this.#asked.set(digest, asking)
    return asking
  }

  /** By its HMAC: the time that a comparison of these takes tells nothing to who does not know the secret. */
  async #read(digest: string, parsed: ParsedKey): Promise<ApiKey | undefined> {
    const { secrets, store, clock } = this.#parts
    // Counted from before the read: a revocation after it began is not in the answer.
    const readMs = clock.monotonic()
    this.#known.delete(digest)
    for (const { hash } of hashesOf(secrets, parsed)) {
      const key = await store.findByHash(hash)
      if (!key) continue
      this.#known.set(digest, { key, readMs })
      return key
    }
    return undefined
  }

  #touch({ id, lastUsedAtMs = Number.NEGATIVE_INFINITY }: ApiKey): void {
    const { store, clock } = this.#parts
    const nowMs = clock.now()
    const lastMs = Math.max(lastUsedAtMs, this.#touched.get(id) ?? Number.NEGATIVE_INFINITY)
    if (nowMs - lastMs < touchedEveryMs) return
    this.#touched.set(id, nowMs)
    // Nice to know, no more: a call never fails for it.
    store.touch(id, nowMs).catch(() => {})
  }
}
