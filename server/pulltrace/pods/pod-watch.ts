import type { KubeApi } from '../../../core/kube/kube-api.ts'
import type { CoreV1Event, V1Pod } from '../../../core/kube/objects.ts'
import { Reflector } from '../../../core/kube/reflector.ts'
import { events, pods } from '../../../core/kube/resources.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { NodeWaits } from '../../../core/pulls/waiting.ts'
import { Budget } from './budget.ts'
import { eventSelector, kubeletEventOf } from './kubelet-event.ts'
import { PodBook } from './pod-book.ts'
import { isOver, seenPodOf, type WatchedPod, watchedPodOf } from './watched-pod.ts'

export interface PodWatchParts {
  readonly api: Pick<KubeApi, 'list' | 'watch'>
  /** Empty: all. */
  readonly namespaces: readonly string[]
  /** Called, once for many changes, when the waits of a node may be others. */
  readonly changed: (nodeName: string) => void
  readonly clock: Clock
  readonly log: Logger
}

/** Pods that are looked at one by one: those that a watch of pending pods does not show. */
const lookBudget = { burst: 50, everyMs: 200 }
const sweepMs = 1000

/**
 * Who waits for which image: pending pods that have a node, and what kubelets say of their images. Only what can be
 * pulling is held. Without its API server it keeps what it knows and catches up later.
 */
export class PodWatch {
  readonly #parts: PodWatchParts
  readonly #book: PodBook
  readonly #pods: readonly Reflector<V1Pod, WatchedPod>[]
  readonly #events: readonly Reflector<CoreV1Event, never>[]
  readonly #looks: Budget
  readonly #looking = new Set<string>()
  readonly #dirty = new Set<string>()
  #signal: AbortSignal = AbortSignal.abort()
  #looksDropped = 0
  #eventsTaken = 0

  constructor(parts: PodWatchParts) {
    this.#parts = parts
    const { api, namespaces, clock, log } = parts
    const everyNamespace = namespaces.length === 0
    this.#book = new PodBook({ monotonic: () => clock.monotonic(), everyNamespace, changed: node => this.#note(node) })
    this.#looks = new Budget(lookBudget, clock.monotonic())
    const places = everyNamespace ? [undefined] : namespaces
    this.#pods = places.map(
      namespace =>
        new Reflector<V1Pod, WatchedPod>({
          api,
          resource: pods,
          namespace,
          fieldSelector: 'status.phase=Pending',
          keep: watchedPodOf,
          changed: (_key, now, before) => this.#changed(now, before),
          clock,
          log,
        }),
    )
    this.#events = places.map(
      namespace =>
        new Reflector<CoreV1Event, never>({
          api,
          resource: events,
          namespace,
          fieldSelector: eventSelector,
          // Facts add up whatever their order and number, so that no event need be held.
          keep: event => this.#take(event),
          changed: () => {},
          clock,
          log,
        }),
    )
  }

  waits(nodeName: string): NodeWaits {
    return this.#book.waits(nodeName)
  }

  get synced(): boolean {
    return [...this.#pods, ...this.#events].every(({ synced }) => synced)
  }

  /** For metrics: pods held, words of kubelets taken and refused, and when the API server was last heard. */
  figures() {
    const { pods, excessEvents } = this.#book.counts()
    const heard = [...this.#pods, ...this.#events].map(({ lastContactMs }) => lastContactMs)
    return {
      podsWaiting: pods,
      synced: this.synced,
      eventsTaken: this.#eventsTaken,
      eventsDropped: excessEvents + this.#looksDropped,
      lastContactMs: Math.min(...heard),
    }
  }

  /** Lives until aborted. Events come after the pods that they are about, as far as that can be had. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    // Each for itself: a namespace that may not be read keeps no other one waiting.
    const places = this.#pods.map(async (reflector, place) => {
      const running = reflector.run(signal)
      // The only rejection is the abort itself.
      await reflector.whenSynced(signal).catch(() => {})
      await Promise.all([running, this.#events[place]!.run(signal)])
    })
    await Promise.all([...places, this.#sweep(signal)])
  }

  #changed(now: WatchedPod | undefined, before: WatchedPod | undefined): void {
    if (now !== undefined) this.#book.set(now)
    else if (before !== undefined && this.#book.left(before.uid)) void this.#look(before, before.uid)
  }

  #take(event: CoreV1Event): undefined {
    const { clock } = this.#parts
    const told = kubeletEventOf(event, clock.now())
    if (told === undefined) return
    this.#eventsTaken++
    const known = this.#book.event(told)
    // A running pod whose container starts anew is in no watch. Old words about such pods are no news.
    const fresh = told.fact.atMs > clock.now() - 60_000
    if (!known && fresh && told.fact.kind === 'pulling') {
      void this.#look({ namespace: told.namespace, name: told.podName }, told.podUid)
    }
  }

  /** By list, not by get: the roles of this server allow no more. */
  async #look({ namespace, name }: Pick<WatchedPod, 'namespace' | 'name'>, uid: string): Promise<void> {
    const { api, clock, log } = this.#parts
    if (this.#looking.has(uid) || this.#signal.aborted) return
    if (!this.#looks.take(clock.monotonic())) {
      this.#looksDropped++
      return
    }
    this.#looking.add(uid)
    try {
      const query = { namespace, fieldSelector: `metadata.name=${name}`, limit: 1, signal: this.#signal }
      const found = (await api.list(pods, query)).items.find(({ metadata }) => metadata?.uid === uid)
      const pod = found && seenPodOf(found)
      // What ran in a pod that is over had its image, also when the kubelet's word has not come yet.
      if (pod !== undefined) this.#book.seen(pod)
      if (pod === undefined || isOver(pod)) this.#book.deleted(uid)
    } catch (error) {
      // The sweep asks again while a pull seems under way.
      if (!this.#signal.aborted) log.debug('pod not looked at', { namespace, pod: name, error })
    } finally {
      this.#looking.delete(uid)
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await clock.sleep(sweepMs, signal).catch(() => {})
      if (signal.aborted) return
      for (const pod of this.#book.sweep()) void this.#look(pod, pod.uid)
    }
  }

  /** A page of a list, or a burst of events, changes a node once. */
  #note(nodeName: string): void {
    if (this.#dirty.size === 0) {
      setImmediate(() => {
        const nodes = [...this.#dirty]
        this.#dirty.clear()
        if (!this.#signal.aborted) for (const node of nodes) this.#parts.changed(node)
      })
    }
    this.#dirty.add(nodeName)
  }
}
