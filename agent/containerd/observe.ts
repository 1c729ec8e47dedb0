import { statSync } from 'node:fs'
import type { Clock } from '../../core/lib/clock.ts'
import type { GoneLease, PullSource, RuntimeSnapshot } from '../source.ts'
import { type ContainerdClient, openContainerd } from './client.ts'
import { EventWatch, tellsOfBlobs } from './events.ts'
import { type EventScope, NamespaceObserver } from './namespace.ts'

export interface ObserveOptions {
  readonly socket: string
  /** containerd namespaces; empty means all there are. */
  readonly namespaces: readonly string[]
  readonly clock: Clock
}

export function openPullSource({ socket, namespaces, clock }: ObserveOptions): PullSource {
  return new ContainerdSource(openContainerd(socket), socket, namespaces, clock)
}

/**
 * A namespace comes into being with the first thing in it, and no event says so: they are all asked for, but not more
 * often than this. What is new and heard of by an event is known at once.
 */
const namespacesAgeMs = 1_000

/** Of one kind; as many ends as the agent itself keeps, should one namespace fail for good. */
const maxUntold = 20_000
const noneUntold: Pick<RuntimeSnapshot, 'gone' | 'found'> = { gone: [], found: [] }

class ContainerdSource implements PullSource {
  readonly #client: ContainerdClient
  readonly #socket: string
  readonly #fixed: readonly string[]
  readonly #clock: Clock
  readonly #observers = new Map<string, NamespaceObserver>()
  readonly #listeners = new Set<() => void>()
  readonly #events: EventWatch
  readonly #bornMs: number
  /** The last look at all namespaces there were. */
  #lookedMs: number | undefined
  #namespacesAskedMs = Number.NEGATIVE_INFINITY
  #version: string | undefined
  #startedMs = 0
  /** A time of the socket that lay ahead of the clock. */
  #aheadMs: number | undefined
  /** What went or was found in looks of which another part failed. */
  #untold = noneUntold

  constructor(client: ContainerdClient, socket: string, namespaces: readonly string[], clock: Clock) {
    this.#client = client
    this.#socket = socket
    this.#fixed = namespaces
    this.#clock = clock
    this.#bornMs = clock.now()
    this.#events = new EventWatch(client, {
      changed: (namespace, name) => this.#heardOf(namespace)?.changed(name),
      // The first thing we hear of a namespace may be the end of its first pull.
      imageChanged: (namespace, name) => this.#heardOf(namespace)?.imageChanged(name, clock.now()),
      wake: () => {
        for (const listener of this.#listeners) listener()
      },
    })
  }

  async look(): Promise<RuntimeSnapshot> {
    const startedMs = this.#runtimeStartedMs()
    if (startedMs !== this.#startedMs) {
      // Another containerd, perhaps another version.
      this.#version = undefined
      this.#startedMs = startedMs
    }
    this.#version ??= await this.#client.version()
    this.#events.ensure()
    const askingMs = this.#clock.monotonic()
    const stale = askingMs - this.#namespacesAskedMs >= namespacesAgeMs
    if (stale) await this.#refreshNamespaces()
    const atMs = this.#clock.now()
    const settled = await Promise.allSettled([...this.#observers.values()].map(each => each.look(atMs, startedMs)))
    const looks = settled.flatMap(look => (look.status === 'fulfilled' ? look.value : []))
    // An observer says once that a lease has gone: also when another namespace could not be looked at.
    const gone = [...this.#untold.gone, ...looks.flatMap(({ gone }) => gone)]
    const found = [...this.#untold.found, ...looks.flatMap(({ found }) => found)]
    const failed = settled.find(look => look.status === 'rejected')
    this.#untold = failed === undefined ? noneUntold : { gone: gone.slice(-maxUntold), found: found.slice(-maxUntold) }
    if (failed !== undefined) throw failed.reason
    if (stale) {
      this.#namespacesAskedMs = askingMs
      this.#lookedMs = atMs
    }
    return { atMs, leases: looks.flatMap(({ leases }) => leases), gone, found }
  }

  async evidenceOf({ digest, startedMs }: { digest: string; startedMs: number }) {
    const runtimeStartedMs = this.#runtimeStartedMs()
    await this.#refreshNamespaces()
    let best: GoneLease['evidence'] | undefined
    for (const observer of this.#observers.values()) {
      const evidence = await observer.evidenceOf(digest, startedMs, runtimeStartedMs)
      if (evidence && (best === undefined || evidence.records.length > 0)) best = evidence
    }
    return best
  }

  runtime() {
    return this.#version === undefined ? undefined : { name: 'containerd', version: this.#version.replace(/^v/, '') }
  }

  onWake(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#events.close()
    this.#client.close()
  }

  async #refreshNamespaces(): Promise<void> {
    const names = this.#fixed.length > 0 ? this.#fixed : await this.#client.namespaces()
    for (const name of names) this.#observe(name)
    // One that is no more is left only when its last pulls have ended.
    for (const [name, observer] of this.#observers) {
      if (!names.includes(name) && !observer.busy) this.#observers.delete(name)
    }
  }

  #heardOf(namespace: string): NamespaceObserver | undefined {
    if (this.#fixed.length === 0) this.#observe(namespace)
    return this.#observers.get(namespace)
  }

  #observe(namespace: string): void {
    if (this.#observers.has(namespace)) return
    const since = { bornMs: this.#bornMs, lookedMs: this.#lookedMs }
    this.#observers.set(namespace, new NamespaceObserver(this.#client, namespace, () => this.#eventScope(), since))
  }

  #eventScope(): EventScope {
    if (!this.#events.open) return 'nothing'
    return this.#version !== undefined && tellsOfBlobs(this.#version) ? 'blobs and snapshots' : 'snapshots'
  }

  /**
   * containerd makes its socket anew at each start, and nothing else changes the time of that file. Its folder is in
   * memory, so asking at once costs less than waking a thread that asks.
   */
  #runtimeStartedMs(): number {
    try {
      const ms = Math.floor(statSync(this.#socket).mtimeMs)
      // The clock was set back since, as on a machine that learns the time after containerd: leases would seem older.
      if (ms > this.#clock.now()) this.#aheadMs = ms
      return ms === this.#aheadMs ? 0 : ms
    } catch {
      // Not readable for us, or just being made: then no pull is taken for dead.
      return 0
    }
  }
}
