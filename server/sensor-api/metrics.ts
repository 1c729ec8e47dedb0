import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { collectProcessMetrics } from '../../core/lib/process-metrics.ts'
import { type Action, actions } from '../../core/rules/rule.ts'
import { EventCode } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { EventsSize } from '../store/events-store.ts'
import type { RulesSnapshot } from '../store/rules-store.ts'
import { type DropReasonName, dropReasons } from './drop-reports.ts'
import type { CallFigures } from './grpc/gate.ts'
import { statusName } from './grpc/status.ts'
import type { RefusedBecause } from './keys/authenticate.ts'
import type { EventCounts } from './report-events/report-events.ts'
import type { SyncResult } from './sync-rules/sync-rules.ts'

/** What is counted where it lives, and read when Prometheus asks. */
export interface MetricSources {
  readonly version: string
  readonly rules: () => Promise<RulesSnapshot | undefined> | undefined
  readonly databaseUp: () => boolean
  readonly storage: () => Promise<Partial<EventsSize>>
  readonly inFlightBytes: () => number
  readonly connections: () => number
}

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30]
const kib = 1024
const sizes = [kib, 16 * kib, 64 * kib, 256 * kib, 1024 * kib, 4096 * kib, 16 * 1024 * kib, 64 * 1024 * kib]

/** Every metric of tk-sensor-api. Labels take values from fixed lists only: no rule, sensor, tag or key ever becomes a series. */
export class SensorApiMetrics {
  readonly registry = new Registry()
  readonly #received: Counter<'action'>
  readonly #receivedBytes: Counter<'action'>
  readonly #duplicates: Counter
  readonly #rejected: Counter<'code'>
  readonly #otherUuids: Counter
  readonly #lost: Counter<'reason'>
  readonly #applyErrors: Counter
  readonly #syncs: Counter<'result'>
  readonly #syncSeconds: Histogram
  readonly #reportSeconds: Histogram
  readonly #reportBytes: Histogram
  readonly #calls: Counter<'method' | 'code'>
  readonly #requestBytes: Counter<'method'>
  readonly #responseBytes: Counter<'method'>
  readonly #authFailures: Counter<'reason'>
  readonly #drift: Counter
  readonly #deleted: Counter<'reason'>
  readonly #retentionRun: Gauge

  constructor(sources: MetricSources) {
    const registers = [this.registry]
    const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Counter<L>({ name: `trapperkeeper_${name}`, help, labelNames, registers })
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `trapperkeeper_${name}`, help, buckets, registers })

    this.#received = counter('events_received_total', 'Valid events, repeated ones too, by effective action.', 'action')
    this.#receivedBytes = counter('events_received_bytes', 'Their encoded size.', 'action')
    this.#duplicates = counter('events_duplicate_total', 'Of these, events that were stored before.')
    this.#rejected = counter('events_rejected_total', 'Events not stored, by the code in their result.', 'code')
    this.#otherUuids = counter('events_other_uuid_total', 'Events whose id is not a UUIDv7.')
    this.#lost = counter('events_lost_reported_total', 'Events that sensors say they had to discard.', 'reason')
    this.#applyErrors = counter('rule_apply_errors_total', 'Rules that sensors say they could not apply.')
    this.#syncs = counter('sync_requests_total', 'SyncRules calls.', 'result')
    this.#syncSeconds = histogram('sync_duration_seconds', 'SyncRules, from the whole request to its answer.', seconds)
    this.#reportSeconds = histogram(
      'report_duration_seconds',
      'ReportEvents, from the whole request until the events are on disk.',
      seconds,
    )
    this.#reportBytes = histogram('report_request_bytes', 'Unpacked size of ReportEvents requests.', sizes)
    this.#calls = counter('grpc_calls_total', 'Calls that ended, by method and status.', 'method', 'code')
    this.#requestBytes = counter('grpc_request_bytes_total', 'Bytes of request bodies, as they came.', 'method')
    this.#responseBytes = counter('grpc_response_bytes_total', 'Bytes of response messages.', 'method')
    this.#authFailures = counter('auth_failures_total', 'Calls refused for their API key.', 'reason')
    this.#drift = counter('clock_drift_warnings_total', "Batches whose sensor's clock is more than 100 ms off ours.")
    this.#deleted = counter('retention_deleted_total', 'Events removed, by what bounds them.', 'reason')
    this.#retentionRun = new Gauge({
      name: 'trapperkeeper_retention_last_run_timestamp_seconds',
      help: 'When events were last looked at for removal; 0: never.',
      registers,
    })
    for (const action of actions) this.#received.inc({ action }, 0)
    for (const result of ['full', 'not_modified', 'paused', 'error']) this.#syncs.inc({ result }, 0)
    for (const reason of dropReasons) this.#lost.inc({ reason }, 0)
    this.#addGauges(sources)
    collectProcessMetrics(this.registry)
  }

  readonly called = ({ method, code, requestBytes, responseBytes }: CallFigures): void => {
    this.#calls.inc({ method, code: statusName(code) })
    this.#requestBytes.inc({ method }, requestBytes)
    this.#responseBytes.inc({ method }, responseBytes)
  }

  readonly refused = (reason: RefusedBecause): void => this.#authFailures.inc({ reason })
  readonly driftSeen = (): void => this.#drift.inc()
  readonly eventsLost = (reason: DropReasonName, events: number): void => this.#lost.inc({ reason }, events)
  readonly applyErrors = (count: number): void => this.#applyErrors.inc(count)

  readonly synced = (result: SyncResult, took: number): void => {
    this.#syncs.inc({ result })
    this.#syncSeconds.observe(took)
  }

  readonly events: EventCounts = {
    received: (action: Action, count, bytes) => {
      this.#received.inc({ action }, count)
      this.#receivedBytes.inc({ action }, bytes)
    },
    duplicates: count => this.#duplicates.inc(count),
    rejected: code => this.#rejected.inc({ code: nameOf(code) }),
    otherUuidVersion: () => this.#otherUuids.inc(),
    reported: (took, bytes) => {
      this.#reportSeconds.observe(took)
      this.#reportBytes.observe(bytes)
    },
  }

  readonly pruned = ({ byAge, bySize }: { readonly byAge: number; readonly bySize: number }, nowMs: number): void => {
    this.#deleted.inc({ reason: 'age' }, byAge)
    this.#deleted.inc({ reason: 'size' }, bySize)
    this.#retentionRun.set(nowMs / 1000)
  }

  #addGauges({ version, rules, databaseUp, storage, inFlightBytes, connections }: MetricSources): void {
    const ofRules = (name: string, help: string, read: (snapshot: RulesSnapshot) => number) =>
      this.#gauge(name, help, async () => {
        const snapshot = await rules()
        return snapshot === undefined ? Number.NaN : read(snapshot)
      })
    ofRules('rule_count', 'Active rules.', ({ rules }) => rules.length)
    ofRules('rules_dryrun_total', 'Of these, dry runs.', ({ rules }) => rules.filter(rule => rule.dry_run).length)
    ofRules('rules_disabled_total', 'Rules that are disabled.', ({ disabledRules }) => disabledRules)
    ofRules('rules_globally_paused', '1 while all rules are paused, else 0.', ({ pause }) => (pause.paused ? 1 : 0))
    this.#gauge('inflight_bytes', 'Held by requests in flight.', inFlightBytes)
    this.#gauge('grpc_connections_active', 'Open connections of sensors.', connections)
    this.#gauge('db_up', '1 while the database can be used, else 0.', () => (databaseUp() ? 1 : 0))
    let look: ReturnType<typeof storage> | undefined
    // One look for the gauges of one scrape, which are read in the same turn.
    const seen = () => {
      look ??= storage().finally(() => {
        look = undefined
      })
      return look
    }
    // A database that cannot be asked has no size: NaN is how Prometheus says so.
    this.#gauge(
      'storage_size_bytes',
      'Size of the database on disk.',
      async () => (await seen()).databaseBytes ?? Number.NaN,
    )
    this.#gauge('events_stored', 'Events that are kept.', async () => (await seen()).events ?? Number.NaN)
    this.#gauge(
      'events_stored_bytes',
      'About what they take; TK_EVENTS_MAX_MIB bounds it.',
      async () => (await seen()).bytes ?? Number.NaN,
    )
    new Gauge({
      name: 'trapperkeeper_build_info',
      help: 'Always 1.',
      labelNames: ['version', 'node_version'],
      registers: [this.registry],
    }).set({ version, node_version: process.versions.node }, 1)
  }

  #gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name: `trapperkeeper_${name}`,
      help,
      registers: [this.registry],
      async collect() {
        this.set(await read())
      },
    })
  }
}

const codeNames = new Map<number, string>(
  Object.entries(EventCode).map(([name, code]) => [code, name.replace('EVENT_CODE_', '').toLowerCase()]),
)
const nameOf = (code: EventCode): string => codeNames.get(code) ?? 'unspecified'
