import type { KubeApi } from '../../../core/kube/kube-api.ts'
import type { V1ConfigMap } from '../../../core/kube/objects.ts'
import { Reflector } from '../../../core/kube/reflector.ts'
import { configMaps } from '../../../core/kube/resources.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { NamespacedName } from '../../../core/lib/settings.ts'
import { type Intervals, intervalsOf, type SettingsData } from './intervals.ts'

export interface SettingsWatchParts {
  readonly api: KubeApi
  readonly configMap: NamespacedName
  /** In force until the ConfigMap was seen, and for a key that it does not have. */
  readonly otherwise: Intervals
  readonly clock: Clock
  readonly log: Logger
}

/**
 * The intervals in force: as the ConfigMap says, from the moment it changes. A value out of its bounds,
 * an API server that is away and a ConfigMap that is deleted leave the last good intervals in force.
 */
export class SettingsWatch {
  readonly #parts: SettingsWatchParts
  readonly #reflector: Reflector<V1ConfigMap, SettingsData>
  #intervals: Intervals
  #refused = false

  constructor(parts: SettingsWatchParts) {
    this.#parts = parts
    this.#intervals = parts.otherwise
    const { api, configMap, clock, log } = parts
    this.#reflector = new Reflector({
      api,
      resource: configMaps,
      namespace: configMap.namespace,
      fieldSelector: `metadata.name=${configMap.name}`,
      keep: ({ data }): SettingsData => ({
        reportInterval: data?.['reportInterval'],
        idleReportInterval: data?.['idleReportInterval'],
      }),
      changed: (_key, now) => this.#changed(now),
      clock,
      log,
    })
  }

  get intervals(): Intervals {
    return this.#intervals
  }

  /** The ConfigMap as it is now holds a value that is not in force. */
  get refused(): boolean {
    return this.#refused
  }

  get synced(): boolean {
    return this.#reflector.synced
  }

  /** Lives until aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal)
  }

  /**
   * Resolves when the ConfigMap was seen, or with a warning after `limitMs`: reports that wait for an
   * API server for ever would be lost to more than a wrong interval.
   */
  async known(limitMs: number, signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
    await this.#reflector.whenSynced(limit).catch(() => {})
    if (this.#reflector.synced || signal.aborted) return
    this.#parts.log.warn('settings not seen yet, agents are told the intervals of the environment', {
      ...this.#parts.otherwise,
    })
  }

  #changed(data: SettingsData | undefined): void {
    const { configMap, log, otherwise } = this.#parts
    const fields = { configMap: `${configMap.namespace}/${configMap.name}` }
    if (data === undefined) {
      log.warn('settings deleted, the last intervals stay in force', { ...fields, ...this.#intervals })
      return
    }
    const result = intervalsOf(data, otherwise)
    this.#refused = 'faults' in result
    if ('faults' in result) {
      log.error('settings refused, the last intervals stay in force', {
        ...fields,
        ...this.#intervals,
        faults: result.faults,
        fix: 'change spec.reportInterval of the PulltraceConfig; the operator writes this ConfigMap',
      })
      return
    }
    this.#intervals = result
    log.info('settings in force', { ...fields, ...result })
  }
}
