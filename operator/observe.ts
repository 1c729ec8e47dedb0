import { clusterNames } from '../core/contract/cluster-names.ts'
import type { KubeApi } from '../core/kube/kube-api.ts'
import type { CustomObject, KubeObject, Resource } from '../core/kube/objects.ts'
import { Reflector } from '../core/kube/reflector.ts'
import {
  configMaps,
  crds,
  daemonSets,
  networkPolicies,
  pulltraceConfigs,
  secrets,
  serviceMonitors,
  services,
  statefulSets,
} from '../core/kube/resources.ts'
import type { Clock } from '../core/lib/clock.ts'
import type { Logger } from '../core/lib/log.ts'
import type { Desired } from './plan/input.ts'
import { ownedSelector } from './plan/labels.ts'

export interface ObserverParts {
  readonly api: KubeApi
  readonly operatorNamespace: string
  readonly agentNamespace: string
  /** Something is another than it was: `statusOnly` when nobody changed what it should be. */
  readonly changed: (what: { readonly config: boolean; readonly statusOnly: boolean }) => void
  readonly clock: Clock
  readonly log: Logger
}

/** Of a reflector, what does not depend on its kind. */
type Watching = Pick<Reflector<KubeObject, KubeObject>, 'run' | 'whenSynced' | 'synced'>

interface Where {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/**
 * Keeps what the operator acts on: PulltraceConfigs and what was made of them, by small watches. Of Secrets only
 * those that may be ours are seen.
 */
export class Observer {
  readonly #parts: ObserverParts
  readonly #configs: Reflector<CustomObject, CustomObject>
  readonly #monitorKind: Reflector<CustomObject, true>
  readonly #owned: { readonly resource: Resource<KubeObject>; readonly reflector: Reflector<KubeObject, KubeObject> }[]
  #monitors: { readonly reflector: Reflector<KubeObject, KubeObject>; readonly stop: AbortController } | undefined

  constructor(parts: ObserverParts) {
    this.#parts = parts
    const { operatorNamespace, agentNamespace, api, clock, log } = parts
    this.#configs = this.#reflect(pulltraceConfigs, {}, true)
    this.#monitorKind = new Reflector<CustomObject, true>({
      api,
      resource: crds,
      fieldSelector: `metadata.name=${serviceMonitors.plural}.monitoring.coreos.com`,
      keep: crd => (isEstablished(crd) ? true : undefined),
      changed: () => this.#monitorsCame(),
      clock,
      log,
    })
    const servers = { namespace: operatorNamespace, labelSelector: ownedSelector }
    const agents = { namespace: agentNamespace, labelSelector: ownedSelector }
    const named = (name: string) => ({ namespace: operatorNamespace, fieldSelector: `metadata.name=${name}` })
    const watched: readonly (readonly [Resource<KubeObject>, Where])[] = [
      [configMaps, servers],
      [services, servers],
      [statefulSets, servers],
      [networkPolicies, servers],
      [secrets, named(clusterNames.reader)],
      [secrets, named(clusterNames.rules)],
      [daemonSets, agents],
      [configMaps, agents],
      [networkPolicies, agents],
    ]
    this.#owned = watched.map(([resource, where]) => ({ resource, reflector: this.#reflect(resource, where, false) }))
  }

  /** Until the signal aborts. Rejects never for a server that is away: it is asked again. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    await Promise.all(this.#always().map(reflector => reflector.run(signal)))
    await this.#monitorsRun
  }

  #signal: AbortSignal | undefined
  #monitorsRun: Promise<void> = Promise.resolve()

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#always().map(reflector => reflector.whenSynced(signal)))
  }

  #always(): readonly Watching[] {
    return [this.#configs, this.#monitorKind, ...this.#owned.map(({ reflector }) => reflector)]
  }

  configs(): readonly CustomObject[] {
    return [...this.#configs.values()]
  }

  /** What carries our label, and the Secrets of our names whoever made them. */
  owned(): readonly Desired[] {
    const of = (resource: Resource<KubeObject>, reflector: Reflector<KubeObject, KubeObject>) =>
      [...reflector.values()].map(object => ({ resource, object }))
    return [
      ...this.#owned.flatMap(({ resource, reflector }) => of(resource, reflector)),
      ...(this.#monitors ? of(serviceMonitors, this.#monitors.reflector) : []),
    ]
  }

  /** Whether ServiceMonitors can be made, and those that are there are known. */
  get hasServiceMonitors(): boolean {
    return this.#monitors?.reflector.synced ?? false
  }

  /** When each kind was last heard of, in epoch milliseconds; of a kind in two namespaces the earlier. */
  lastContactMs(): Readonly<Record<string, number>> {
    const last: Record<string, number> = {
      [pulltraceConfigs.plural]: this.#configs.lastContactMs,
      [crds.plural]: this.#monitorKind.lastContactMs,
    }
    for (const { resource, reflector } of this.#owned) {
      last[resource.plural] = Math.min(last[resource.plural] ?? Number.POSITIVE_INFINITY, reflector.lastContactMs)
    }
    return last
  }

  get synced(): boolean {
    return this.#always().every(reflector => reflector.synced)
  }

  #reflect<T extends KubeObject>(resource: Resource<T>, where: Where, config: boolean): Reflector<T, T> {
    const { api, clock, log } = this.#parts
    return new Reflector<T, T>({
      api,
      resource,
      ...where,
      keep: trimmed,
      changed: (_key, now, before) => this.#parts.changed({ config, statusOnly: isStatusOnly(now, before) }),
      clock,
      log,
    })
  }

  /** The kind ServiceMonitor came or went while we run. */
  #monitorsCame(): void {
    const isThere = [...this.#monitorKind.values()].length > 0
    if (isThere && !this.#monitors && this.#signal && !this.#signal.aborted) {
      const stop = new AbortController()
      const where = { namespace: this.#parts.operatorNamespace, labelSelector: ownedSelector }
      const reflector: Reflector<KubeObject, KubeObject> = this.#reflect(serviceMonitors, where, false)
      const signal = AbortSignal.any([this.#signal, stop.signal])
      this.#monitors = { reflector, stop }
      this.#monitorsRun = Promise.all([this.#monitorsRun, reflector.run(signal)]).then(() => {})
      void reflector.whenSynced(signal).then(
        () => this.#parts.changed({ config: false, statusOnly: false }),
        () => {}, // It is stopping, or the kind went again.
      )
    } else if (!isThere && this.#monitors) {
      this.#monitors.stop.abort()
      this.#monitors = undefined
    }
  }
}

/** Who owns which field is the API server's business, and the largest part of an object. */
function trimmed<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata ?? {}
  return { ...object, metadata }
}

function isStatusOnly(now: KubeObject | undefined, before: KubeObject | undefined): boolean {
  if (now === undefined || before === undefined) return false
  const shape = (object: KubeObject) => {
    const { status: _, metadata, ...rest } = object as CustomObject
    const { resourceVersion: __, ...meta } = metadata ?? {}
    return JSON.stringify({ rest, meta })
  }
  return shape(now) === shape(before)
}

/** Made a moment ago, a kind is known but not served. */
function isEstablished({ status }: CustomObject): boolean {
  const { conditions } = (status ?? {}) as { conditions?: { type?: unknown; status?: unknown }[] }
  return conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false
}
