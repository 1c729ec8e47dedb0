import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { clusterNames } from '../core/contract/cluster-names.ts'
import type { Answered } from '../core/kube/http.ts'
import { type KubeApi, openKubeApi } from '../core/kube/kube-api.ts'
import { LeaderElection } from '../core/kube/leader.ts'
import { EventRecorder } from '../core/kube/recorder.ts'
import { toldWrongSettings } from '../core/lib/check-settings.ts'
import { systemClock } from '../core/lib/clock.ts'
import { PulltraceError } from '../core/lib/errors.ts'
import { openHealth } from '../core/lib/health.ts'
import { createLogger } from '../core/lib/log.ts'
import { answeredArguments } from '../core/lib/program-arguments.ts'
import type { Env } from '../core/lib/settings.ts'
import { warnOfUnknownSettings } from '../core/lib/unknown-settings.ts'
import { version } from '../core/lib/version.ts'
import { loadOperatorConfig, program } from './config.ts'
import { Controller } from './controller.ts'
import { controller, createOperatorMetrics, type OperatorMetrics, watchedGauge } from './metrics.ts'

/** Runs until `stop` aborts; resolves when what was begun is ended, the Lease is given back and everything is closed. */
export async function main(env: Env, stop: AbortSignal): Promise<void> {
  const config = loadOperatorConfig(env)
  const log = createLogger(program, config.logLevel)
  warnOfUnknownSettings(env, log)
  const clock = systemClock
  await using running = new AsyncDisposableStack()

  const metrics = createOperatorMetrics(version)
  const api = await openApi(config.kubeconfigFile, metrics)
  running.defer(() => api.close())
  const instance = `${hostname()}_${randomUUID()}`
  const events = new EventRecorder({ api, controller: `pulltrace.dev/${controller}`, instance: hostname(), clock, log })
  running.defer(() => events.close())

  const acting: { now: Controller | undefined } = { now: undefined }
  watchedGauge(metrics.kube, () => acting.now?.lastContactMs() ?? {})
  const health = await openHealth({
    address: config.metricsAddr,
    // One that stands by is ready to take over.
    notReady: () => (acting.now?.synced === false ? 'waits for the API server' : undefined),
    metrics: metrics.registry,
  })
  running.defer(() => health.close())
  log.info('operator started', {
    version,
    server: api.serverUrl,
    address: health.address,
    image: config.image,
    operatorNamespace: config.operatorNamespace,
    agentNamespace: config.agentNamespace,
  })

  const act = async (signal: AbortSignal) => {
    const { resyncMs, shutdownGraceMs: drainMs } = config
    acting.now = new Controller({ api, settings: config, events, resyncMs, drainMs, clock, log, metrics })
    try {
      await acting.now.run(signal)
    } finally {
      acting.now = undefined
    }
  }
  const leading = (is: boolean) => metrics.kube.leading(clusterNames.operator, is)
  if (config.leaderElect) {
    const lease = { namespace: config.operatorNamespace, name: clusterNames.operator, identity: instance }
    await new LeaderElection({ api, ...lease, clock, log, changed: leading }).run(stop, act)
  } else {
    leading(true)
    await act(stop)
  }
  log.info('operator stopped')
}

async function openApi(kubeconfigFile: string | undefined, metrics: OperatorMetrics): Promise<KubeApi> {
  let answered: Answered | undefined
  const userAgent = `${program}/${version}`
  const api = await openKubeApi({ kubeconfigFile, userAgent, answered: (...call) => answered?.(...call) })
  answered = metrics.kube.answered(new URL(api.serverUrl).host)
  return api
}

if (import.meta.main) {
  const answered = answeredArguments(program, process.argv.slice(2), process.env, loadOperatorConfig)
  if (answered !== undefined) process.exit(answered)
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  try {
    await main(process.env, stop.signal)
  } catch (reason) {
    const exitCode = toldWrongSettings(reason)
    if (exitCode !== undefined) process.exit(exitCode)
    const { message, details } = PulltraceError.from(reason)
    console.error(details.fix === undefined ? message : `${message}\n${details.fix}`)
    process.exit(1)
  }
}
