import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { openapiOf } from '../../core/contract/openapi.ts'
import { openKubeApi } from '../../core/kube/kube-api.ts'
import { toldWrongSettings } from '../../core/lib/check-settings.ts'
import { type Clock, systemClock } from '../../core/lib/clock.ts'
import { healthLimits } from '../../core/lib/http-listener.ts'
import { createLogger, type Logger } from '../../core/lib/log.ts'
import { answeredArguments } from '../../core/lib/program-arguments.ts'
import type { Env } from '../../core/lib/settings.ts'
import { openTls } from '../../core/lib/tls.ts'
import { toldToBegin } from '../../core/lib/told-to-begin.ts'
import { warnOfUnknownSettings } from '../../core/lib/unknown-settings.ts'
import { version } from '../../core/lib/version.ts'
import { maxBytesOf, maxBytesWhenFull } from '../store/max-bytes.ts'
import { openSqliteHistory } from '../store/sqlite/open-sqlite-history.ts'
import type { HistoryStore } from '../store/store.ts'
import { loadServerConfig, needsKubernetes, program, type RulesConfig, type ServerConfig } from './config.ts'
import { openHttpStream } from './events/http-stream.ts'
import { EventHub, ringDefaults } from './events/hub.ts'
import { Streams } from './events/streams.ts'
import { apiRoutes } from './http/api.ts'
import { createApp } from './http/app.ts'
import { BodyBudget } from './http/body.ts'
import { openCredentials } from './http/credentials.ts'
import { GrantGuard } from './http/grants.ts'
import { healthHandler } from './http/health.ts'
import { HistoryReads } from './http/history-reads.ts'
import { apiLimits, openListener } from './http/listener.ts'
import { openPages } from './http/pages/open-pages.ts'
import { Tickets } from './http/tickets.ts'
import { ServerMetrics } from './metrics.ts'
import { fillImageBook } from './pages/live/fill-image-book.ts'
import { ImageBook } from './pages/live/image-book.ts'
import { PodSide } from './pods/pod-side.ts'
import { Intake } from './reports/intake.ts'
import { PodJoin } from './reports/pod-join.ts'
import { PromptHistory } from './reports/prompt-history.ts'
import { SettingsWatch } from './settings/settings-watch.ts'

const mebibyte = 1024 * 1024
/** How often files that may be replaced are looked at. Milliseconds. */
const filesEveryMs = 5000
const flushMs = 250
/** How often what kubelets told is looked at for what time does to it. Milliseconds. */
const joinEveryMs = 250
/** How long a starting server waits for the intervals that its cluster commands. Milliseconds. */
const settingsWithinMs = 5000
/** How often streams are asked whether their reader may still read; what is known costs nothing. Milliseconds. */
const grantsEveryMs = 5000
/**
 * What is kept may reach 70 % of the volume; what comes before the next look must fit the rest, as a disk that is
 * full has no room to remove anything either. Milliseconds.
 */
const pruneEveryMs = 10_000
const imagesEveryMs = 10 * 60_000
/** How long a starting server waits for its first rules. Milliseconds. */
const rulesWithinMs = 2000
const forgetNodeAfterMs = 24 * 3_600_000

export interface Hooks {
  /** When both listeners are open, with addresses that can be used. */
  readonly onListening?: (url: string, metricsUrl: string) => void
  /** For tests: a log that is not on stderr. */
  readonly log?: Logger
}

/** Starts in the order written; once `stop` aborts it stops in reverse, and resolves when all is closed. */
export async function main(env: Env, stop: AbortSignal, hooks: Hooks = {}): Promise<void> {
  const config = loadServerConfig(env)
  const log = hooks.log ?? createLogger(program, config.logLevel)
  warnOfUnknownSettings(env, log)
  const clock = systemClock
  await using running = new AsyncDisposableStack()

  const userAgent = `${program}/${version}`
  const kube = needsKubernetes(config)
    ? await openKubeApi({ kubeconfigFile: config.kubeconfigFile, userAgent, env })
    : undefined
  running.defer(() => kube?.close())
  const history = openSqliteHistory({ dataDir: config.dataDir, clock, log })
  running.defer(() => history.close())
  const promptHistory = new PromptHistory(history, clock)
  const impatience = new AbortController()
  void promptHistory.run(impatience.signal)
  running.defer(() => impatience.abort())
  const hub = new EventHub({ clock, ...ringDefaults })
  const streams = new Streams(hub, { clock })
  const images = new ImageBook()
  const budget = new BodyBudget(config.maxReportsMiB * mebibyte)
  const connections = { count: async () => 0 }

  const { settingsConfigMap: configMap } = config
  const settings =
    kube && configMap && new SettingsWatch({ api: kube, configMap, otherwise: intervalsIn(config), clock, log })
  const changed = (node: string) => intake.podsChanged(node)
  const { watchPods, watchNamespaces: namespaces } = config
  const podSide =
    kube && watchPods ? new PodSide({ api: kube, namespaces, changed, instance: hostname(), clock, log }) : undefined
  const podJoin =
    podSide &&
    new PodJoin({
      ...config,
      pods: podSide,
      history: promptHistory,
      agentsBackByMs: clock.monotonic() + backWithinMs(config),
    })
  const rulesSide = config.rules && (await openRules(config.rules, clock, log, () => metrics))
  running.defer(() => rulesSide?.close())
  const intake: Intake = new Intake({
    history: promptHistory,
    publish: changes => {
      metrics.observe(changes)
      podSide?.observe(changes)
      images.note(changes, clock.now())
      hub.publish(changes)
    },
    pods: podJoin,
    rules: rulesSide?.rules,
    intervals: () => settings?.intervals ?? config,
    limits: { ...config, forgetNodeAfterMs },
    clock,
    log,
  })
  running.defer(() => intake.close())
  const metrics: ServerMetrics = new ServerMetrics({
    version,
    intake: () => intake.counts(),
    settings: () => ({ ...(settings?.intervals ?? intervalsIn(config)), refused: settings?.refused === true }),
    pods: () => podSide && podJoin && { ...podSide.figures(), ...podJoin.counts() },
    rules: () => rulesSide?.figures(),
    streams: () => ({ ...streams.counters, clients: streams.active }),
    history: () => figuresOf(history),
    bodyBytesHeld: () => budget.heldBytes,
    connections: () => connections.count(),
  })

  const guard = new GrantGuard(clock, log)
  const background = new AbortController()
  const tasks = [
    hub.run(clock, flushMs, background.signal),
    streams.run(background.signal),
    every(clock, 1000, background.signal, () => intake.sweep(), log),
    settings?.run(background.signal),
    podSide?.run(background.signal),
    rulesSide?.run(background.signal),
    podSide && every(clock, joinEveryMs, background.signal, async () => intake.joinDue(), log),
    every(clock, grantsEveryMs, background.signal, () => guard.sweep(), log),
    fillImageBook(images, history, clock.now(), log, background.signal),
    every(clock, imagesEveryMs, background.signal, async () => images.sweep(clock.now()), log),
    every(clock, pruneEveryMs, background.signal, () => prune(history, config, clock, background.signal), log),
  ]
  running.defer(async () => {
    background.abort()
    await Promise.all(tasks)
  })

  const tls = config.tls && running.use(await openTls(config.tls, filesEveryMs, log))
  const tickets = new Tickets(clock)
  const { reviewed } = metrics
  const { agents, readers } = await openCredentials(
    { config, kube, tickets, reviewed, filesEveryMs, clock, log },
    running,
  )
  const reads = new HistoryReads(history)
  const pages = await openPages({
    config,
    version,
    readers,
    live: hub,
    reads,
    images,
    nodes: () => intake.nodes(),
    nodeNames: () => intake.nodeNames(),
    counted: metrics.signedIn,
    clock,
    log,
  })
  const app = createApp({
    routes: [
      ...apiRoutes({
        report: {
          intake,
          agents,
          budget,
          counted: metrics.report,
        },
        readers: pages.readers,
        tickets,
        live: hub,
        streams: {
          active: () => streams.active,
          open: (response, request) => openHttpStream(streams, response, request),
          guard: (response, grant) => guard.add(response, grant),
        },
        maxStreams: config.maxStreams,
        nodes: intake,
        reads,
        openapi: openapiOf(version),
      }),
      ...pages.routes,
    ],
    corsOrigins: config.corsOrigins,
    answered: metrics.answered,
    errorPage: pages.errorPage,
    clock,
    log,
  })

  let notReady: string | undefined = 'starting'
  const health = healthHandler({
    registry: metrics.registry,
    notReady: () => notReady,
    history: () => history.health(),
    log,
  })
  const metricsListener = await openListener(health, config.metricsAddr, healthLimits, tls)
  running.defer(() => metricsListener.close(1000))
  const limits = { ...apiLimits, maxConnections: config.maxConnections }
  await settings?.known(settingsWithinMs, stop)
  await rulesSide?.known(rulesWithinMs, stop)
  const api = await openListener(app.callback(), config.httpAddr, limits, tls)
  connections.count = api.connections
  api.server.on('drop', metrics.connectionDropped)
  running.defer(async () => {
    // New connections stop first; streams then end, so that their clients come back elsewhere.
    const closed = api.close(config.shutdownGraceMs)
    hub.flush()
    streams.close()
    await closed
  })
  notReady = undefined
  log.info('listening', { url: api.url, metricsUrl: metricsListener.url, version })
  hooks.onListening?.(api.url, metricsListener.url)

  await aborted(stop)
  notReady = 'draining'
  log.info('stopping')
  // Whoever routes traffic here must see that it is not ready before it stops to be taken.
  await delay(config.drainMs)
}

/** Loaded only where there are rules: gRPC is not for free. */
async function openRules(settings: RulesConfig, clock: Clock, log: Logger, metrics: () => ServerMetrics) {
  const { RulesSide } = await import('./sensor/open-rules.ts')
  const matched = (action: string) => metrics().ruleMatched(action)
  const dropped = (ruleId: string) => metrics().ruleDropped(ruleId)
  return new RulesSide({ settings, matched, dropped, clock, log })
}

const intervalsIn = ({ reportIntervalMs, idleReportIntervalMs }: ServerConfig) => ({
  reportIntervalMs,
  idleReportIntervalMs,
})

async function figuresOf(history: HistoryStore) {
  const { healthy } = history.health()
  return healthy ? { healthy, ...(await history.size().catch(() => ({}))) } : { healthy }
}

async function prune(
  history: HistoryStore,
  { dataDir, historyMaxMiB, historyTtlMs }: ServerConfig,
  clock: Clock,
  signal: AbortSignal,
) {
  const health = history.health()
  if (!health.healthy && health.kind !== 'disk_full') return
  const { bytes } = await history.size()
  const limitOf = health.healthy ? maxBytesOf : maxBytesWhenFull
  const maxBytes = await limitOf(dataDir, bytes, historyMaxMiB * mebibyte)
  if (maxBytes !== undefined) await history.prune(clock.now() - historyTtlMs, maxBytes, signal)
}

/** Agents come back to a restarted server with their next report. */
const backWithinMs = ({ reportIntervalMs }: ServerConfig) => Math.min(20_000, Math.max(3000, 2 * reportIntervalMs))

/** Runs `work` again and again, each time `ms` after the last one ended, until aborted. A failure is logged. */
async function every(clock: Clock, ms: number, signal: AbortSignal, work: () => Promise<unknown>, log: Logger) {
  while (!signal.aborted) {
    // The only rejection is the abort itself.
    await clock.sleep(ms, signal).catch(() => {})
    if (signal.aborted) return
    await work().catch(error => log.error('background work failed', { error }))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

if (import.meta.main) {
  const answered = answeredArguments(program, process.argv.slice(2), process.env, loadServerConfig)
  if (answered !== undefined) process.exit(answered)
  const env = await toldToBegin(process.argv, process.env, () => loadServerConfig(process.env))
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  try {
    await main(env, stop.signal)
  } catch (error) {
    const exitCode = toldWrongSettings(error)
    if (exitCode === undefined) createLogger(program, 'error').error('not started', { error })
    process.exitCode = exitCode ?? 1
  }
}
