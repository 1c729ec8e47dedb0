import { Server } from '@grpc/grpc-js'
import type { Clock } from '../../core/lib/clock.ts'
import type { Logger } from '../../core/lib/log.ts'
import type { LiveTls } from '../../core/lib/tls.ts'
import { SensorAPIService } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { TkStore } from '../store/tk-store.ts'
import type { SensorApiConfig } from './config.ts'
import { DropReports } from './drop-reports.ts'
import { BodyBudget } from './grpc/body-budget.ts'
import { FailedAttempts } from './grpc/failed-attempts.ts'
import { type Authenticator, gate } from './grpc/gate.ts'
import { GrpcHealth } from './grpc/health-service.ts'
import { type GrpcListener, listenGrpc } from './grpc/listener.ts'
import { PingLimit } from './grpc/ping-limit.ts'
import { RateLimit } from './grpc/rate-limit.ts'
import { addReflection } from './grpc/reflection.ts'
import { methodOf, unary } from './grpc/unary.ts'
import { SensorApiMetrics } from './metrics.ts'
import { ClockDrift } from './report-events/clock-drift.ts'
import { reportEvents } from './report-events/report-events.ts'
import { RulesView } from './sync-rules/rules-view.ts'
import { syncRules } from './sync-rules/sync-rules.ts'

export interface SensorApiParts {
  readonly config: SensorApiConfig
  readonly version: string
  readonly store: Pick<TkStore, 'rules' | 'events' | 'health'>
  readonly keys: Authenticator
  readonly clock: Clock
  readonly log: Logger
}

export interface SensorApi {
  readonly metrics: SensorApiMetrics
  /** Undefined before it listens. */
  listen(tls: LiveTls | undefined): Promise<GrpcListener>
  /** What health says from now on; undefined: that it is ready. New calls are turned away once `refusing`. */
  state: { notReady: string | undefined; refusing: boolean }
  /** Tells who watches the health. */
  refreshHealth(): void
  /** Calls under way finish, at most for `graceMs`. */
  close(graceMs: number): Promise<void>
}

const serviceName = 'trapperkeeper.sensor.v1.SensorAPI'

/** The two methods of sensors with everything that stands in front of them. Listens when asked. */
export function openSensorApi({ config, version, store, keys, clock, log }: SensorApiParts): SensorApi {
  const { limits } = config
  const state: SensorApi['state'] = { notReady: 'starting', refusing: false }
  let listener: GrpcListener | undefined
  const budget = new BodyBudget(config.maxInFlightBytes)
  const view = new RulesView(store.rules, limits, clock)
  const metrics = new SensorApiMetrics({
    version,
    rules: async () => {
      // Sensors may have asked long ago. The last known rules are better than none.
      if (store.health().healthy) await view.current().catch(() => {})
      return view.snapshot
    },
    databaseUp: () => store.health().healthy,
    storage: () => (store.health().healthy ? store.events.size().catch(() => ({})) : Promise.resolve({})),
    inFlightBytes: () => budget.heldBytes,
    connections: () => listener?.connections() ?? 0,
  })
  const drops = new DropReports(metrics.eventsLost)
  const server = new Server({
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': config.maxStreams,
    'grpc.enable_channelz': 0,
    // Who vanished without a word is found, and who has nothing to say any more is let go.
    'grpc.keepalive_time_ms': 120_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_connection_idle_ms': 1_800_000,
    interceptors: [
      gate({
        guarded: `/${serviceName}/`,
        keys,
        rates: new RateLimit({ perSecond: config.callsPerSecond, burst: config.callsBurst, clock }),
        failures: new FailedAttempts(clock),
        budget,
        pings: new PingLimit(clock),
        requestWithinMs: config.requestTimeoutMs,
        notTaken: () => (state.refusing ? 'tk-sensor-api is stopping' : undefined),
        observed: metrics.called,
        refused: metrics.refused,
        clock,
        log,
      }),
    ],
  })
  const handlers = {
    syncRules: syncRules({
      view,
      version,
      drops,
      synced: metrics.synced,
      applyErrors: metrics.applyErrors,
      clock,
      log,
    }),
    reportEvents: reportEvents({
      store: store.events,
      limits,
      version,
      drops,
      drift: new ClockDrift(clock, log, metrics.driftSeen),
      counts: metrics.events,
      clock,
      log,
    }),
  }
  server.addService(
    {
      syncRules: methodOf(SensorAPIService.syncRules.path),
      reportEvents: methodOf(SensorAPIService.reportEvents.path),
    },
    {
      syncRules: unary(handlers.syncRules, limits.maxRequestBytes, log),
      reportEvents: unary(handlers.reportEvents, limits.maxRequestBytes, log),
    },
  )
  const health = new GrpcHealth([serviceName], () => state.notReady === undefined && store.health().healthy)
  health.addTo(server)
  addReflection(server)
  return {
    metrics,
    state,
    async listen(tls) {
      const { grpcAddr: address, maxConnections } = config
      listener = await listenGrpc(server, { address, tls, maxConnections })
      return listener
    },
    refreshHealth: () => health.refresh(),
    async close(graceMs) {
      health.close()
      await listener?.close(graceMs)
    },
  }
}
