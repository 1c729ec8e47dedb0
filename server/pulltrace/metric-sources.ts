import { Counter, Gauge, type Registry } from 'prom-client'

/** What is counted where it lives, and read when Prometheus asks. */
export interface MetricSources {
  readonly version: string
  readonly intake: () => IntakeFigures
  readonly settings: () => SettingsFigures
  /** Undefined where pods are not watched: their metrics are 0. */
  readonly pods: () => PodFigures | undefined
  /** Undefined where pulls are judged by no rules: their metrics are 0. */
  readonly rules: () => RuleFigures | undefined
  readonly streams: () => StreamFigures
  readonly history: () => Promise<{ readonly healthy: boolean; readonly pulls?: number; readonly bytes?: number }>
  readonly bodyBytesHeld: () => number
  readonly connections: () => Promise<number>
}

export interface IntakeFigures {
  readonly nodes: number
  readonly staleNodes: number
  readonly livePulls: number
  /** Over the network, by all reports so far. */
  readonly fetchedBytes: number
}

/** The intervals in force, and whether what is commanded is something else that cannot be. */
export interface SettingsFigures {
  readonly reportIntervalMs: number
  readonly idleReportIntervalMs: number
  readonly refused: boolean
}

export interface PodFigures {
  readonly podsWaiting: number
  readonly synced: boolean
  readonly eventsTaken: number
  readonly eventsDropped: number
  /** Epoch ms; 0: never. */
  readonly lastContactMs: number
  readonly queuedPulls: number
  readonly leftOutPulls: number
}

export interface RuleFigures {
  readonly checks: number
  /** Of these, checks that could not be made. */
  readonly failures: number
  readonly inForce: number
  /** Whether the newest sync succeeded. */
  readonly ready: boolean
  readonly accepted: number
  readonly rejected: number
  readonly lost: number
  readonly buffered: number
}

export interface StreamFigures {
  readonly clients: number
  readonly events: number
  readonly bytes: number
  readonly resets: number
  readonly slow: number
}

/** Adds the metrics of what is counted where it lives: nothing is done until Prometheus asks. */
export function addSourceMetrics(registry: Registry, sources: MetricSources): void {
  const { version, intake, settings, pods, rules, streams, history, bodyBytesHeld, connections } = sources
  const add = adderTo(registry)
  const { gauge, total } = add
  gauge('pulltrace_pulls_active', 'Pulls that have not ended.', () => intake().livePulls)
  total('pulltrace_pull_bytes_total', 'Compressed bytes fetched over the network.', () => intake().fetchedBytes)
  gauge('pulltrace_nodes_known', 'Nodes that report, or have lately.', () => intake().nodes)
  gauge('pulltrace_nodes_stale', 'Of these, silent for three intervals.', () => intake().staleNodes)
  gauge(
    'pulltrace_report_interval_seconds',
    'In force: how often agents report.',
    () => settings().reportIntervalMs / 1000,
  )
  gauge(
    'pulltrace_idle_report_interval_seconds',
    'In force: how often agents report while nothing pulls on their node.',
    () => settings().idleReportIntervalMs / 1000,
  )
  gauge(
    'pulltrace_settings_refused',
    '1 while PULLTRACE_SETTINGS_CONFIGMAP holds a value that cannot be in force, else 0.',
    () => (settings().refused ? 1 : 0),
  )
  addPods(add, pods)
  addRules(add, rules)
  gauge('pulltrace_sse_clients_active', 'Clients of the stream.', () => streams().clients)
  total('pulltrace_sse_events_total', 'Events written to clients.', () => streams().events)
  total('pulltrace_sse_bytes_total', 'Bytes written to clients.', () => streams().bytes)
  total('pulltrace_sse_resets_total', 'Clients that had to forget everything.', () => streams().resets)
  total('pulltrace_sse_slow_clients_total', 'Clients disconnected as too slow.', () => streams().slow)
  gauge('pulltrace_http_connections_active', 'Open connections to the API.', connections)
  gauge('pulltrace_http_body_bytes', 'Held by reports in flight.', bodyBytesHeld)
  addHistory(add, history)
  const labels = { version, node_version: process.versions.node }
  const info = 'pulltrace_build_info'
  new Gauge({ name: info, help: 'Always 1.', labelNames: Object.keys(labels), registers: [registry] }).set(labels, 1)
}

function addPods({ gauge, total }: Adder, pods: MetricSources['pods']): void {
  gauge('pulltrace_pods_waiting', 'Pods that are held as they may wait for an image.', () => pods()?.podsWaiting ?? 0)
  gauge('pulltrace_pulls_queued', 'Pulls that only a kubelet has told of.', () => pods()?.queuedPulls ?? 0)
  gauge('pulltrace_pod_watch_synced', '1 when all pods and events were listed once, else 0.', () =>
    pods()?.synced ? 1 : 0,
  )
  gauge(
    'pulltrace_pod_watch_last_contact_timestamp_seconds',
    'When the API server was last heard by the watch that is silent longest.',
    () => (pods()?.lastContactMs ?? 0) / 1000,
  )
  total('pulltrace_kubelet_events_total', 'Events of kubelets about pulls.', () => pods()?.eventsTaken ?? 0)
  total(
    'pulltrace_kubelet_events_dropped_total',
    'Of these, more for one pod, or for pods not known, than a kubelet sends.',
    () => pods()?.eventsDropped ?? 0,
  )
  gauge(
    'pulltrace_pulls_queued_left_out',
    'Queued pulls not shown, above PULLTRACE_MAX_QUEUED_PULLS or 1000 on a node.',
    () => pods()?.leftOutPulls ?? 0,
  )
}

function addRules({ gauge, total }: Adder, rules: MetricSources['rules']): void {
  gauge('pulltrace_rules_in_force', 'Rules by which pulls are judged.', () => rules()?.inForce ?? 0)
  gauge('pulltrace_rule_sensor_ready', '1 while rules can be fetched from tk-sensor-api, else 0.', () =>
    rules()?.ready ? 1 : 0,
  )
  gauge('pulltrace_rule_events_buffered', 'Events of rules that wait to be sent.', () => rules()?.buffered ?? 0)
  total('pulltrace_rule_checks_total', 'Checks of a pull against all rules.', () => rules()?.checks ?? 0)
  total(
    'pulltrace_rule_check_failures_total',
    'Checks that could not be made; such a pull goes on unchecked.',
    () => rules()?.failures ?? 0,
  )
  total('pulltrace_rule_events_accepted_total', 'Events that were stored.', () => rules()?.accepted ?? 0)
  total('pulltrace_rule_events_rejected_total', 'Events that were refused.', () => rules()?.rejected ?? 0)
  total('pulltrace_rule_events_lost_total', 'Events for which there was no room.', () => rules()?.lost ?? 0)
}

function addHistory({ gauge }: Adder, history: MetricSources['history']): void {
  // One look for the gauges of one scrape, which are read in the same turn.
  let look: ReturnType<typeof history> | undefined
  const seen = () => {
    look ??= history().finally(() => {
      look = undefined
    })
    return look
  }
  // A history that cannot be asked has no size: NaN is how Prometheus says so.
  const size = (value: number | undefined) => value ?? Number.NaN
  gauge('pulltrace_history_pulls', 'Ended pulls that are kept.', async () => size((await seen()).pulls))
  gauge('pulltrace_history_bytes', 'Their size on disk.', async () => size((await seen()).bytes))
  gauge('pulltrace_history_healthy', '1 when the history can be written, else 0.', async () =>
    (await seen()).healthy ? 1 : 0,
  )
}

interface Adder {
  gauge(name: string, help: string, read: () => number | Promise<number>): void
  /** `read`: a sum that only rises. */
  total(name: string, help: string, read: () => number): void
}

function adderTo(registry: Registry): Adder {
  const registers = [registry]
  return {
    gauge: (name, help, read) =>
      void new Gauge({
        ...{ name, help, registers },
        async collect() {
          this.set(await read())
        },
      }),
    total: (name, help, read) => {
      let seen = 0
      new Counter({
        ...{ name, help, registers },
        collect() {
          const now = read()
          this.inc(now - seen)
          seen = now
        },
      })
    },
  }
}
