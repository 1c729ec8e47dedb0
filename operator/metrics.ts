import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { createKubeMetrics, type KubeMetrics } from '../core/kube/metrics.ts'
import { collectProcessMetrics } from '../core/lib/process-metrics.ts'

/** As controller-runtime counts what a look came to. */
export type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after'

export interface OperatorMetrics {
  readonly registry: Registry
  readonly kube: KubeMetrics
  /** `work` is timed and counted; what it throws is thrown on. */
  reconciled(work: () => Promise<ReconcileResult>): Promise<ReconcileResult>
  /** A write by the operator: created, updated, deleted, unchanged or refused. */
  wrote(kind: string, outcome: string): void
}

export const controller = 'pulltraceconfig'
const workers = 1

/** Under controller-runtime's names and labels, so that its dashboards and alerts work unchanged. */
export function createOperatorMetrics(version: string): OperatorMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectProcessMetrics(registry)
  new Gauge({ name: 'pulltrace_operator_info', help: 'Version.', labelNames: ['version'], registers }).set(
    { version },
    1,
  )
  const labelNames = ['controller']
  const results = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciliations, by what they came to.',
    labelNames: ['controller', 'result'],
    registers,
  })
  const count = (name: string, help: string) => {
    const counter = new Counter({ name, help, labelNames, registers })
    counter.inc({ controller }, 0)
    return counter
  }
  const errors = count('controller_runtime_reconcile_errors_total', 'Reconciliations that failed and are tried again.')
  const panics = count(
    'controller_runtime_reconcile_panics_total',
    'Reconciliations that a fault of the operator ended.',
  )
  const seconds = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Time of a reconciliation.',
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10, 20, 30, 60],
    registers,
  })
  new Gauge({
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'Reconciliations that may go on at once.',
    labelNames,
    registers,
  }).set({ controller }, workers)
  const active = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Reconciliations that go on.',
    labelNames,
    registers,
  })
  active.set({ controller }, 0)
  for (const result of ['success', 'error', 'requeue', 'requeue_after']) results.inc({ controller, result }, 0)
  const writes = new Counter({
    name: 'pulltrace_operator_writes_total',
    help: 'Writes of objects, by kind and by what they came to.',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  return {
    registry,
    kube: createKubeMetrics(registry),
    async reconciled(work) {
      active.inc({ controller })
      const stop = seconds.startTimer({ controller })
      try {
        const result = await work()
        results.inc({ controller, result })
        return result
      } catch (error) {
        results.inc({ controller, result: 'error' })
        errors.inc({ controller })
        if (isFaultOfOurs(error)) panics.inc({ controller })
        throw error
      } finally {
        stop()
        active.dec({ controller })
      }
    },
    wrote: (kind, outcome) => writes.inc({ kind, outcome }),
  }
}

/** What Go would have panicked at. */
const isFaultOfOurs = (error: unknown) =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError

/** How long each watch has been silent is what tells a deaf operator from a quiet cluster. */
export function watchedGauge(kube: KubeMetrics, lastContactMs: () => Readonly<Record<string, number>>): void {
  kube.watched(
    'pulltrace_operator_watch_last_event_timestamp_seconds',
    'When each watch was last heard, an event or a bookmark. Empty while another operator leads.',
    lastContactMs,
  )
}
