import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Answered } from './http.ts'

/** What a work queue tells of itself. */
export interface QueueMetrics {
  added(): void
  retried(): void
  taken(waitedSeconds: number): void
  worked(seconds: number): void
  /** Asked at each scrape. */
  observe(now: () => { readonly depth: number; readonly workingMs: readonly number[] }): void
}

export interface KubeMetrics {
  /** For `openKubeApi`. `host` is the API server's, `host:port`. */
  answered(host: string): Answered
  queue(name: string): QueueMetrics
  leading(name: string, leading: boolean): void
  /** A gauge of when each watch was last heard; `name` and `help` are the program's own. */
  watched(name: string, help: string, lastContactMs: () => Readonly<Record<string, number>>): void
}

/** client-go's buckets: from 10 ns to 1000 s by tens. */
const decades = Array.from({ length: 12 }, (_, power) => 10 ** (power - 8))

/** Under the names and labels of client-go and controller-runtime, so that their dashboards and alerts work. */
export function createKubeMetrics(registry: Registry): KubeMetrics {
  const registers = [registry]
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the Kubernetes API server, by status code, method and host.',
    labelNames: ['code', 'method', 'host'],
    registers,
  })
  const master = new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this program leads, 0 while it stands by.',
    labelNames: ['name'],
    registers,
  })
  return {
    answered: host => (method, status, _seconds) =>
      requests.inc({ code: status === 0 ? '<error>' : String(status), method, host }),
    queue: queueMetrics(registry),
    leading: (name, leading) => master.set({ name }, leading ? 1 : 0),
    watched(name, help, lastContactMs) {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames: ['resource'],
        registers,
        collect() {
          for (const [resource, ms] of Object.entries(lastContactMs())) gauge.set({ resource }, ms / 1000)
        },
      })
    },
  }
}

function queueMetrics(registry: Registry): KubeMetrics['queue'] {
  const labelNames = ['name', 'controller']
  const registers = [registry]
  const queues = new Map<string, () => { readonly depth: number; readonly workingMs: readonly number[] }>()
  const gauge = (name: string, help: string, of: (now: { depth: number; workingMs: readonly number[] }) => number) => {
    const made: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const [queue, now] of queues) made.set({ name: queue, controller: queue }, of(now()))
      },
    })
  }
  gauge('workqueue_depth', 'Keys that wait for a worker.', ({ depth }) => depth)
  gauge(
    'workqueue_unfinished_work_seconds',
    'Time that the work under way has taken so far, all together.',
    ({ workingMs }) => workingMs.reduce((sum, ms) => sum + ms, 0) / 1000,
  )
  gauge(
    'workqueue_longest_running_processor_seconds',
    'Time that the longest work under way has taken so far.',
    ({ workingMs }) => Math.max(0, ...workingMs) / 1000,
  )
  const added = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', labelNames, registers })
  const retried = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added again after a failure.',
    labelNames,
    registers,
  })
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'Time that a key waited for a worker.',
    labelNames,
    buckets: decades,
    registers,
  })
  const worked = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'Time that the work on a key took.',
    labelNames,
    buckets: decades,
    registers,
  })
  return name => {
    const labels = { name, controller: name }
    added.inc(labels, 0)
    retried.inc(labels, 0)
    return {
      added: () => added.inc(labels),
      retried: () => retried.inc(labels),
      taken: seconds => waited.observe(labels, seconds),
      worked: seconds => worked.observe(labels, seconds),
      observe: now => queues.set(name, now),
    }
  }
}
