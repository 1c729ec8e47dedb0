import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type KubeObject, keyOf } from './objects.ts'

/** One change of one object, as watches tell it. */
export interface Change {
  readonly version: number
  /** `pods`, `daemonsets.apps`. */
  readonly kind: string
  readonly before: KubeObject | undefined
  /** A deletion has the object too, under the version of its deletion. */
  readonly now: KubeObject
  readonly deleted: boolean
}

/** What etcd is to an API server: objects, one number that rises with each change, and a past that can be forgotten. */
export class ObjectHistory {
  readonly changes: Change[] = []
  version = 1000
  /** What was before it cannot be asked for. */
  forgottenVersion = 0
  readonly #kinds = new Map<string, Map<string, KubeObject>>()
  readonly #listeners = new Set<(change: Change) => void>()

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get(kind: string, key: string): KubeObject | undefined {
    return this.#kinds.get(kind)?.get(key)
  }

  /** In the order of their keys, as from etcd. */
  all(kind: string): KubeObject[] {
    const objects = [...(this.#kinds.get(kind) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
    return objects.map(([, object]) => object)
  }

  /** Creates or replaces, with what the server itself sets. An object that is as it was has no new version. */
  put(kind: string, object: KubeObject): KubeObject {
    const key = keyOf(object)
    const before = this.get(kind, key)
    const { uid = randomUUID(), creationTimestamp = new Date().toISOString(), generation = 1 } = before?.metadata ?? {}
    const specOf = (of: KubeObject | undefined) => (of as { spec?: unknown } | undefined)?.spec
    const isSame = before === undefined || isDeepStrictEqual(specOf(before), specOf(object))
    const metadata = { ...object.metadata, uid, creationTimestamp, generation: isSame ? generation : generation + 1 }
    const resourceVersion = before?.metadata?.resourceVersion
    if (before && isDeepStrictEqual(before, { ...object, metadata: { ...metadata, resourceVersion } })) return before
    const now = structuredClone({ ...object, metadata: { ...metadata, resourceVersion: String(++this.version) } })
    const objects = this.#kinds.get(kind) ?? new Map<string, KubeObject>()
    this.#kinds.set(kind, objects.set(key, now))
    this.#changed({ version: this.version, kind, before, now, deleted: false })
    return now
  }

  remove(kind: string, key: string): KubeObject | undefined {
    const before = this.get(kind, key)
    if (!before) return undefined
    this.#kinds.get(kind)!.delete(key)
    const now = { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.version) } }
    this.#changed({ version: this.version, kind, before, now, deleted: true })
    return now
  }

  /** As etcd's compaction: who asks for what was before is told that it is gone. */
  forget(): void {
    this.changes.length = 0
    this.forgottenVersion = this.version
  }

  #changed(change: Change): void {
    this.changes.push(change)
    for (const listener of this.#listeners) listener(change)
  }
}
