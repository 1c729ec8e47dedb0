import { setTimeout as delay } from 'node:timers/promises'
import { answerCheckSettings, checkSettingsFlag, toldWrongSettings } from '../../core/lib/check-settings.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { acquireLock, LockHeld } from '../../core/lib/lockfile.ts'
import { createLogger, type Logger } from '../../core/lib/log.ts'
import type { Env } from '../../core/lib/settings.ts'
import { openTls } from '../../core/lib/tls.ts'
import { toldToBegin, waitToBeginFlag } from '../../core/lib/told-to-begin.ts'
import { warnOfUnknownSettings } from '../../core/lib/unknown-settings.ts'
import { version } from '../../core/lib/version.ts'
import { openSqliteTk } from '../store/sqlite/open-sqlite-tk.ts'
import { healthHandler } from '../tk/health.ts'
import { loadSensorApiConfig, program } from './config.ts'
import { listenHealth } from './health-listener.ts'
import { KeysAtStart } from './keys-at-start.ts'
import { openSensorApi } from './open-sensor-api.ts'
import { runRetention } from './retention.ts'
import { urlOf } from './url-of.ts'

const mebibyte = 1024 * 1024
/** How often files that may be replaced are looked at. Milliseconds. */
const filesEveryMs = 5000
/** How often who watches the health is told of a change. Milliseconds. */
const healthEveryMs = 1000

const starting = 'database connection failed'

export interface Hooks {
  /** When both listeners are open, with addresses that can be used. */
  readonly onListening?: (url: string, metricsUrl: string) => void
  /** For tests: a log that is not on stderr. */
  readonly log?: Logger
}

/** Starts in the order written; once `stop` aborts it stops in reverse, and resolves when all is closed. */
export async function main(env: Env, stop: AbortSignal, hooks: Hooks = {}): Promise<void> {
  const config = loadSensorApiConfig(env)
  const log = hooks.log ?? createLogger(program, config.logLevel)
  warnOfUnknownSettings(env, log)
  const clock = systemClock
  await using running = new AsyncDisposableStack()

  const lock = running.use(await acquireLock({ databaseFile: config.databaseFile, service: program, clock, log }))
  const stopped = AbortSignal.any([stop, lock.lost])
  const store = openSqliteTk({ file: config.databaseFile, clock, log })
  running.defer(() => store.close())
  const keys = new KeysAtStart(config, store.keys, clock, log)
  const open = await keys.open()

  const background = new AbortController()
  const api = openSensorApi({ config, version, store, keys, clock, log })
  const tasks = [
    open
      ? undefined
      : keys.openLater(() => {
          if (api.state.notReady === starting) api.state.notReady = undefined
        }, background.signal),
    runRetention(
      {
        store: store.events,
        health: () => store.health(),
        databaseFile: config.databaseFile,
        keepMs: config.eventsRetentionMs,
        maxBytes: config.eventsMaxMiB * mebibyte,
        pruned: api.metrics.pruned,
        clock,
        log,
      },
      background.signal,
    ),
    refreshHealth(() => api.refreshHealth(), background.signal),
  ]
  running.defer(async () => {
    background.abort()
    await Promise.all(tasks)
  })

  const tls = config.tls && running.use(await openTls(config.tls, filesEveryMs, log))
  const health = healthHandler({
    registry: api.metrics.registry,
    notReady: () => api.state.notReady,
    database: () => store.health(),
    log,
  })
  const metricsListener = await listenHealth(health, config.metricsAddr, tls)
  running.defer(() => metricsListener.close())
  const listener = await api.listen(tls)
  running.defer(() => api.close(config.shutdownGraceMs))

  api.state.notReady = open ? undefined : starting
  const url = urlOf(listener.address, tls !== undefined)
  const metricsUrl = urlOf(metricsListener.address, tls !== undefined)
  log.info('listening', { url, metricsUrl, database: config.databaseFile, version })
  hooks.onListening?.(url, metricsUrl)

  await aborted(stopped)
  api.state.notReady = 'draining'
  api.refreshHealth()
  if (lock.lost.aborted) {
    api.state.refusing = true
    throw lock.lost.reason
  }
  log.info('stopping')
  // Whoever routes sensors here must see that it is not ready before it stops to take calls.
  await delay(config.drainMs)
  api.state.refusing = true
}

async function refreshHealth(refresh: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    refresh()
    // The only rejection is the abort itself.
    await systemClock.sleep(healthEveryMs, signal).catch(() => {})
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function serve(env: Env): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  try {
    await main(env, stop.signal)
  } catch (error) {
    if (error instanceof LockHeld) {
      console.error(error.message)
      process.exitCode = error.exitCode
      return
    }
    const exitCode = toldWrongSettings(error)
    if (exitCode === undefined) createLogger(program, 'error').error('stopped by an error', { error })
    process.exitCode = exitCode ?? 1
  }
}

if (import.meta.main) {
  const args = process.argv.slice(2).filter(arg => arg !== waitToBeginFlag)
  if (args.includes(checkSettingsFlag)) process.exit(answerCheckSettings(process.env, loadSensorApiConfig))
  const env = await toldToBegin(process.argv, process.env, () => loadSensorApiConfig(process.env))
  if (args.length === 0) await serve(env)
  else {
    // Loaded when asked for: the service needs none of it.
    const { runCommand } = await import('./commands/main.ts')
    process.exitCode = await runCommand(args, env)
  }
}
