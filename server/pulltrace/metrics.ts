import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { PullChange } from '../../core/pulls/change.ts'

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

const pullSeconds = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]
const requestSeconds = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]
const kib = 1024
const reportBytes = [kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, 1024 * kib, 4096 * kib]

/**
 * Every metric of pulltrace-server. Labels take values from fixed lists only (phases,
 * error codes, routes): no image, node or pod ever becomes a series.
 */
export class ServerMetrics {
  readonly registry = new Registry()
  readonly #pulls: Counter<'result'>
  readonly #pullSeconds: Histogram<'result'>
  readonly #pullErrors: Counter<'code'>
  /** By result, since Prometheus asked last: looking its series up for each report would cost more than counting. */
  readonly #reports = new Map<string, number>()
  readonly #reportBytes: Histogram
  readonly #requestSeconds: Histogram<'route' | 'method' | 'status'>
  readonly #dropped: Counter
  readonly #reviews: Counter<'caller' | 'result'>
  readonly #signIns: Counter<'result'>
  readonly #ruleMatches: Counter<'action'>
  readonly #ruleDrops: Counter<'rule'>
  readonly #droppingRules = new Set<string>()

  constructor(sources: MetricSources) {
    const registers = [this.registry]
    const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Counter<L>({ name, help, labelNames, registers })
    const histogram = <L extends string = never>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
      new Histogram<L>({ name, help, buckets, labelNames, registers })

    this.#pulls = counter('pulltrace_pulls_total', 'Pulls that ended.', 'result')
    this.#pullSeconds = histogram('pulltrace_pull_duration_seconds', 'From start to end.', pullSeconds, 'result')
    this.#pullErrors = counter('pulltrace_pull_errors_total', 'Pulls that failed.', 'code')
    this.#counted('pulltrace_agent_reports_total', 'Reports received.', 'result', this.#reports)
    this.#reportBytes = histogram('pulltrace_agent_report_bytes', 'Report sizes after decompression.', reportBytes)
    this.#requestSeconds = histogram(
      'pulltrace_http_request_duration_seconds',
      'From a request to its answer; of a stream, to its first bytes.',
      requestSeconds,
      'route',
      'method',
      'status',
    )
    this.#dropped = counter('pulltrace_http_connections_dropped_total', 'Connections refused above the bound.')
    this.#reviews = counter(
      'pulltrace_token_reviews_total',
      'Tokens that the Kubernetes API server was asked about.',
      'caller',
      'result',
    )
    this.#signIns = counter('pulltrace_sign_ins_total', 'Tokens that people sent on the sign-in page.', 'result')
    this.#ruleMatches = counter('pulltrace_rule_matches_total', 'Pulls that a rule matched, once a version.', 'action')
    this.#ruleDrops = counter(
      'pulltrace_rule_drops_total',
      'Pulls that a rule keeps out of stream and history.',
      'rule',
    )
    for (const action of ['observe', 'drop', 'fail']) this.#ruleMatches.inc({ action }, 0)
    for (const result of ['completed', 'failed', 'unknown']) this.#pulls.inc({ result }, 0)
    this.#addGauges(sources)
    collectDefaultMetrics({ register: this.registry })
  }

  /** Call it with what is published. */
  observe(changes: readonly PullChange[]): void {
    for (const { type, pull } of changes) {
      // A pull seen only when it was over starts with its end's phase; a late reason, or a drop, comes as progress.
      if (type !== 'pull.completed' && type !== 'pull.failed') continue
      const result = pull.phase
      this.#pulls.inc({ result })
      if (pull.completedAtMs !== undefined) {
        this.#pullSeconds.observe({ result }, Math.max(0, pull.completedAtMs - pull.startedAtMs) / 1000)
      }
      if (result === 'failed') this.#pullErrors.inc({ code: pull.errorCode ?? 'Unknown' })
    }
  }

  readonly report = (result: string, bytes: number): void => {
    this.#reports.set(result, (this.#reports.get(result) ?? 0) + 1)
    if (bytes > 0) this.#reportBytes.observe(bytes)
  }

  readonly answered = (route: string, method: string, status: number, seconds: number): void => {
    // A client may send any word as its method; only known ones become a label.
    this.#requestSeconds.observe({ route, method: methods.has(method) ? method : 'other', status }, seconds)
  }

  readonly reviewed = (caller: 'agent' | 'reader', result: 'allowed' | 'refused' | 'unavailable'): void =>
    this.#reviews.inc({ caller, result })

  readonly signedIn = (result: 'accepted' | 'refused' | 'limited'): void => this.#signIns.inc({ result })

  readonly connectionDropped = (): void => this.#dropped.inc()

  readonly ruleMatched = (action: string): void => this.#ruleMatches.inc({ action })

  readonly ruleDropped = (ruleId: string): void => {
    if (this.#droppingRules.size < maxRules) this.#droppingRules.add(ruleId)
    this.#ruleDrops.inc({ rule: this.#droppingRules.has(ruleId) ? ruleId : 'other' })
  }

  #addGauges({
    version,
    intake,
    settings,
    pods,
    rules,
    streams,
    history,
    bodyBytesHeld,
    connections,
  }: MetricSources): void {
    this.#gauge('pulltrace_pulls_active', 'Pulls that have not ended.', () => intake().livePulls)
    this.#total('pulltrace_pull_bytes_total', 'Compressed bytes fetched over the network.', () => intake().fetchedBytes)
    this.#gauge('pulltrace_nodes_known', 'Nodes that report, or have lately.', () => intake().nodes)
    this.#gauge('pulltrace_nodes_stale', 'Of these, silent for three intervals.', () => intake().staleNodes)
    this.#gauge(
      'pulltrace_report_interval_seconds',
      'In force: how often agents report.',
      () => settings().reportIntervalMs / 1000,
    )
    this.#gauge(
      'pulltrace_idle_report_interval_seconds',
      'In force: how often agents report while nothing pulls on their node.',
      () => settings().idleReportIntervalMs / 1000,
    )
    this.#gauge(
      'pulltrace_settings_refused',
      '1 while PULLTRACE_SETTINGS_CONFIGMAP holds a value that cannot be in force, else 0.',
      () => (settings().refused ? 1 : 0),
    )
    this.#addPods(pods)
    this.#addRules(rules)
    this.#gauge('pulltrace_sse_clients_active', 'Clients of the stream.', () => streams().clients)
    this.#total('pulltrace_sse_events_total', 'Events written to clients.', () => streams().events)
    this.#total('pulltrace_sse_bytes_total', 'Bytes written to clients.', () => streams().bytes)
    this.#total('pulltrace_sse_resets_total', 'Clients that had to forget everything.', () => streams().resets)
    this.#total('pulltrace_sse_slow_clients_total', 'Clients disconnected as too slow.', () => streams().slow)
    this.#gauge('pulltrace_http_connections_active', 'Open connections to the API.', connections)
    this.#gauge('pulltrace_http_body_bytes', 'Held by reports in flight.', bodyBytesHeld)
    this.#addHistory(history)
    const labels = { version, node_version: process.versions.node }
    const info = 'pulltrace_build_info'
    new Gauge({ name: info, help: 'Always 1.', labelNames: Object.keys(labels), registers: [this.registry] }).set(
      labels,
      1,
    )
  }

  #addPods(pods: MetricSources['pods']): void {
    this.#gauge(
      'pulltrace_pods_waiting',
      'Pods that are held as they may wait for an image.',
      () => pods()?.podsWaiting ?? 0,
    )
    this.#gauge('pulltrace_pulls_queued', 'Pulls that only a kubelet has told of.', () => pods()?.queuedPulls ?? 0)
    this.#gauge('pulltrace_pod_watch_synced', '1 when all pods and events were listed once, else 0.', () =>
      pods()?.synced ? 1 : 0,
    )
    this.#gauge(
      'pulltrace_pod_watch_last_contact_timestamp_seconds',
      'When the API server was last heard by the watch that is silent longest.',
      () => (pods()?.lastContactMs ?? 0) / 1000,
    )
    this.#total('pulltrace_kubelet_events_total', 'Events of kubelets about pulls.', () => pods()?.eventsTaken ?? 0)
    this.#total(
      'pulltrace_kubelet_events_dropped_total',
      'Of these, more for one pod, or for pods not known, than a kubelet sends.',
      () => pods()?.eventsDropped ?? 0,
    )
    this.#gauge(
      'pulltrace_pulls_queued_left_out',
      'Queued pulls not shown, above PULLTRACE_MAX_QUEUED_PULLS or 1000 on a node.',
      () => pods()?.leftOutPulls ?? 0,
    )
  }

  #addRules(rules: MetricSources['rules']): void {
    this.#gauge('pulltrace_rules_in_force', 'Rules by which pulls are judged.', () => rules()?.inForce ?? 0)
    this.#gauge('pulltrace_rule_sensor_ready', '1 while rules can be fetched from tk-sensor-api, else 0.', () =>
      rules()?.ready ? 1 : 0,
    )
    this.#gauge('pulltrace_rule_events_buffered', 'Events of rules that wait to be sent.', () => rules()?.buffered ?? 0)
    this.#total('pulltrace_rule_checks_total', 'Checks of a pull against all rules.', () => rules()?.checks ?? 0)
    this.#total(
      'pulltrace_rule_check_failures_total',
      'Checks that could not be made; such a pull goes on unchecked.',
      () => rules()?.failures ?? 0,
    )
    this.#total('pulltrace_rule_events_accepted_total', 'Events that were stored.', () => rules()?.accepted ?? 0)
    this.#total('pulltrace_rule_events_rejected_total', 'Events that were refused.', () => rules()?.rejected ?? 0)
    this.#total('pulltrace_rule_events_lost_total', 'Events for which there was no room.', () => rules()?.lost ?? 0)
  }

  #addHistory(history: MetricSources['history']): void {
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
    this.#gauge('pulltrace_history_pulls', 'Ended pulls that are kept.', async () => size((await seen()).pulls))
    this.#gauge('pulltrace_history_bytes', 'Their size on disk.', async () => size((await seen()).bytes))
    this.#gauge('pulltrace_history_healthy', '1 when the history can be written, else 0.', async () =>
      (await seen()).healthy ? 1 : 0,
    )
  }

  #gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        this.set(await read())
      },
    })
  }

  /** `counts`: by the value of `label`, since it was read last; emptied with each reading. */
  #counted(name: string, help: string, label: string, counts: Map<string, number>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        for (const [value, count] of counts) this.inc({ [label]: value }, count)
        counts.clear()
      },
    })
  }

  #total(name: string, help: string, read: () => number): void {
    let seen = 0
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        const now = read()
        this.inc(now - seen)
        seen = now
      },
    })
  }
}

/** Rules that have a series of their own: what is above them counts as one. */
const maxRules = 200

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
