import { randomUUID } from 'node:crypto'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { ApiKey, KeysStore, NewApiKey } from '../../store/keys-store.ts'

/** Keys in memory, with what was asked and a fault that can be provoked. */
export class FakeKeysStore implements KeysStore {
  readonly keys = new Map<string, ApiKey>()
  readonly touches: { readonly id: string; readonly usedAtMs: number }[] = []
  reads = 0
  /** What reads reject with. */
  fault: PulltraceError | undefined
  readonly secret = { id: '5'.repeat(32), secret: Buffer.alloc(32, 5) }

  async create({ name, secretId, hash }: NewApiKey): Promise<ApiKey> {
    const place = Buffer.from(hash).toString('hex')
    if (this.keys.has(place)) throw new PulltraceError(Code.Conflict, 'this key is registered')
    const key = { id: randomUUID(), name, secretId, createdAtMs: 0 }
    this.keys.set(place, key)
    return key
  }

  async findByHash(hash: Uint8Array): Promise<ApiKey | undefined> {
    this.reads++
    if (this.fault) throw this.fault
    return this.keys.get(Buffer.from(hash).toString('hex'))
  }

  async list(): Promise<readonly ApiKey[]> {
    return [...this.keys.values()].reverse()
  }

  async revoke(id: string): Promise<ApiKey> {
    const entry = [...this.keys].find(([, key]) => key.id === id)
    if (!entry) throw new PulltraceError(Code.NotFound, 'no such key')
    const key = { revokedAtMs: 1, ...entry[1] }
    this.keys.set(entry[0], key)
    return key
  }

  async touch(id: string, usedAtMs: number): Promise<void> {
    this.touches.push({ id, usedAtMs })
    if (this.fault) throw this.fault
  }

  async storedSecret() {
    return this.secret
  }
}
