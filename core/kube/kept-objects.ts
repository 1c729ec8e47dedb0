import { type KubeObject, keyOf } from './objects.ts'

/** Called after the store has changed. A key that got another object is called for twice: gone, then new. */
export type Changed<K> = (key: string, now: K | undefined, before: K | undefined) => void

interface Entry<K> {
  readonly uid: string
  readonly version: string
  readonly kept: K
}

/** What is kept of the objects of one kind, by key. An object is itself by its UID: a name can be given twice. */
export class KeptObjects<T extends KubeObject, K> {
  readonly #keep: (object: T) => K | undefined
  readonly #changed: Changed<K>
  #entries = new Map<string, Entry<K>>()

  /** Neither function may throw. */
  constructor(keep: (object: T) => K | undefined, changed: Changed<K>) {
    this.#keep = keep
    this.#changed = changed
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): K | undefined {
    return this.#entries.get(key)?.kept
  }

  *values(): IterableIterator<K> {
    for (const { kept } of this.#entries.values()) yield kept
  }

  *entries(): IterableIterator<[string, K]> {
    for (const [key, { kept }] of this.#entries) yield [key, kept]
  }

  set(object: T): void {
    const key = keyOf(object)
    this.#put(key, this.#entryOf(object))
  }

  /** A deletion that arrives late, of an object whose name has another one since, changes nothing. */
  remove(object: T): void {
    const key = keyOf(object)
    if (this.#entries.get(key)?.uid === (object.metadata?.uid ?? '')) this.#put(key, undefined)
  }

  /** A list in the making: what a page holds is cut down to what is kept before the next one comes. */
  startList(): { add(object: T): void; done(): void } {
    const listed = new Map<string, Entry<K>>()
    return {
      add: object => {
        const entry = this.#entryOf(object)
        if (entry) listed.set(keyOf(object), entry)
      },
      done: () => {
        for (const key of [...this.#entries.keys()]) if (!listed.has(key)) this.#put(key, undefined)
        for (const [key, entry] of listed) {
          const known = this.#entries.get(key)
          if (known?.uid !== entry.uid || known.version !== entry.version) this.#put(key, entry)
        }
      },
    }
  }

  #entryOf(object: T): Entry<K> | undefined {
    const kept = this.#keep(object)
    const { uid = '', resourceVersion = '' } = object.metadata ?? {}
    return kept === undefined ? undefined : { uid, version: resourceVersion, kept }
  }

  #put(key: string, now: Entry<K> | undefined): void {
    const before = this.#entries.get(key)
    if (!now && !before) return
    if (before && before.uid !== now?.uid) {
      this.#entries.delete(key)
      this.#changed(key, undefined, before.kept)
      if (now) this.#put(key, now)
      return
    }
    this.#entries.set(key, now!)
    this.#changed(key, now!.kept, before?.kept)
  }
}
