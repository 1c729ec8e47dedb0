import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { PullChange } from '../../core/pulls/change.ts'
import { addSourceMetrics, type MetricSources } from './metric-sources.ts'

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
    addSourceMetrics(this.registry, sources)
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
}

/** Rules that have a series of their own: what is above them counts as one. */
const maxRules = 200

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
