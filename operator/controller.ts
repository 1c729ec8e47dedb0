import type { KubeApi } from '../core/kube/kube-api.ts'
import { KubeError } from '../core/kube/kube-error.ts'
import { WorkQueue } from '../core/kube/work-queue.ts'
import type { Clock } from '../core/lib/clock.ts'
import type { Logger } from '../core/lib/log.ts'
import { controller, type OperatorMetrics } from './metrics.ts'
import { Observer } from './observe.ts'
import type { PlanSettings } from './plan/input.ts'
import { type Reconciler, reconcile } from './reconcile.ts'
import { inForceOf } from './who-is-in-force.ts'

export interface ControllerParts {
  readonly api: KubeApi
  readonly settings: PlanSettings
  readonly events: Reconciler['events']
  readonly resyncMs: number
  readonly drainMs: number
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: OperatorMetrics
  readonly random?: () => number
}

/** A node's agent that becomes ready changes a status: in a roll-out of thousands they are looked at together. */
const statusPauseMs = 500
/** Below what people wait for: after a storm of 429 or a restart of the API server everything is as wanted within it. */
const longestRetryMs = 15_000
const longestRetryAfterMs = 60_000
/** A server may say `Retry-After: 0`: whoever takes that by its word asks as fast as the network goes. */
const shortestRetryAfterMs = 1000

/** Watches, and reconciles whatever changed; until the signal aborts. */
export class Controller {
  readonly #parts: ControllerParts
  readonly #observer: Observer
  readonly #queue: WorkQueue
  /** What each write left, by object: the watch brings it a moment later. */
  readonly #written = new Map<string, string>()
  /** Configs of which everything is to be applied, whatever the watches told. */
  readonly #inFull = new Set<string>()
  /** Until when the API server asked not to be asked, by the clock that never goes back. */
  #aloneUntilMs = 0

  constructor(parts: ControllerParts) {
    this.#parts = parts
    const { api, settings, clock, log, metrics } = parts
    this.#observer = new Observer({
      api,
      operatorNamespace: settings.operatorNamespace,
      agentNamespace: settings.agentNamespace,
      changed: what => this.#changed(what),
      clock,
      log,
    })
    this.#queue = new WorkQueue({
      clock,
      metrics: metrics.kube.queue(controller),
      longestMs: longestRetryMs,
      failed: (config, error) =>
        log.warn('reconcile failed', { config, failures: this.#queue.failures(config), error }),
    })
  }

  /** Whether all that it acts on is known. */
  get synced(): boolean {
    return this.#observer.synced
  }

  lastContactMs(): Readonly<Record<string, number>> {
    return this.#observer.lastContactMs()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { drainMs, log } = this.#parts
    const observing = this.#observer.run(signal)
    try {
      await this.#observer.whenSynced(signal)
    } catch (error) {
      await observing
      if (signal.aborted) return
      throw error
    }
    log.info('in sync with the cluster', { configs: this.#observer.configs().length })
    this.#addAll()
    const worker = (name: string, work: AbortSignal) => this.#reconcile(name, work)
    await Promise.all([this.#queue.run(worker, { workers: 1, signal, drainMs }), this.#resync(signal), observing])
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<void> {
    const parts: Reconciler = { ...this.#parts, observer: this.#observer, written: this.#written }
    const { clock, log, metrics } = this.#parts
    const waitMs = this.#aloneUntilMs - clock.monotonic()
    if (waitMs > 0) return this.#queue.addAfter(name, waitMs)
    await metrics.reconciled(async () => {
      try {
        const { afterMs } = await reconcile(parts, name, signal, { all: this.#inFull.has(name) })
        this.#inFull.delete(name)
        this.#queue.forget(name)
        if (afterMs === undefined) return 'success'
        this.#queue.addAfter(name, afterMs)
        return 'requeue_after'
      } catch (error) {
        if (!(error instanceof KubeError) || error.retryAfterMs === undefined) throw error
        // It says how long it wants to be left alone: earlier would make the storm worse, whatever changes meanwhile.
        const afterMs = Math.max(shortestRetryAfterMs, Math.min(error.retryAfterMs, longestRetryAfterMs))
        this.#aloneUntilMs = clock.monotonic() + afterMs
        log.warn('reconcile put off', { config: name, afterMs, error })
        this.#queue.addAfter(name, afterMs)
        return 'requeue_after'
      }
    })
  }

  #changed({ config, statusOnly }: { readonly config: boolean; readonly statusOnly: boolean }): void {
    // Only this operator writes the status of a config, and it knows what it wrote.
    if (config) {
      if (!statusOnly) this.#addAll()
      return
    }
    const name = inForceOf(this.#observer.configs())?.metadata?.name
    if (name === undefined) return
    if (statusOnly) this.#queue.addAfter(name, statusPauseMs)
    else this.#queue.add(name)
  }

  #addAll(): void {
    for (const { metadata } of this.#observer.configs()) if (metadata?.name) this.#queue.add(metadata.name)
  }

  /** What no watch told of is found here. */
  async #resync(signal: AbortSignal): Promise<void> {
    const { clock, resyncMs, random = Math.random } = this.#parts
    while (!signal.aborted) {
      // Rejects only on abort, and the loop condition is what ends the loop.
      await clock.sleep(resyncMs * (0.9 + 0.2 * random()), signal).catch(() => {})
      if (signal.aborted) return
      this.#inFull.clear()
      for (const { metadata } of this.#observer.configs()) if (metadata?.name) this.#inFull.add(metadata.name)
      this.#addAll()
    }
  }
}
