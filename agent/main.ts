import { toldWrongSettings } from '../core/lib/check-settings.ts'
import { systemClock } from '../core/lib/clock.ts'
import { openHealth } from '../core/lib/health.ts'
import { createLogger } from '../core/lib/log.ts'
import { answeredArguments } from '../core/lib/program-arguments.ts'
import type { Env } from '../core/lib/settings.ts'
import { toldToBegin } from '../core/lib/told-to-begin.ts'
import { warnOfUnknownSettings } from '../core/lib/unknown-settings.ts'
import { version } from '../core/lib/version.ts'
import { runAgent } from './agent.ts'
import { loadAgentConfig, program } from './config.ts'
import { openPullSource } from './containerd/observe.ts'
import { createReportSink } from './deliver.ts'
import { createAgentMetrics } from './metrics.ts'
import { Readiness } from './readiness.ts'

/** Runs until `stop` aborts; resolves when the last report is sent and everything is closed. */
export async function main(env: Env, stop: AbortSignal): Promise<void> {
  const config = loadAgentConfig(env)
  const { nodeName, serverUrl, socket, namespaces, reportIntervalMs } = config
  const log = createLogger(program, config.logLevel)
  warnOfUnknownSettings(env, log)
  const clock = systemClock
  await using running = new AsyncDisposableStack()

  const readiness = new Readiness(clock)
  const metrics = createAgentMetrics(version)
  const source = openPullSource({ socket, namespaces, clock })
  running.defer(() => source.close())
  const sink = createReportSink(config)
  running.defer(() => sink.close())
  const health = await openHealth({
    address: config.metricsAddr,
    notReady: () => readiness.reason(),
    metrics: metrics.registry,
  })
  running.defer(() => health.close())

  log.info('agent started', {
    node: nodeName,
    version,
    server: serverUrl.href,
    socket,
    namespaces: namespaces.length === 0 ? ['*'] : namespaces,
    address: health.address,
  })
  const parts = {
    nodeName,
    version,
    reportIntervalMs,
    source,
    sink,
    clock,
    log,
    metrics,
    readiness,
    random: Math.random,
  }
  await runAgent(parts, stop)
  log.info('agent stopped', { node: nodeName })
}

if (import.meta.main) {
  const answered = answeredArguments(program, process.argv.slice(2), process.env, loadAgentConfig)
  if (answered !== undefined) process.exit(answered)
  const env = await toldToBegin(process.argv, process.env, () => loadAgentConfig(process.env))
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  try {
    await main(env, stop.signal)
  } catch (reason) {
    const exitCode = toldWrongSettings(reason)
    if (exitCode !== undefined) process.exit(exitCode)
    createLogger(program, 'error').error('not started', { error: reason })
    process.exit(1)
  }
}
