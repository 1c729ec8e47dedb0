import { answerCheckSettings, checkSettingsFlag, toldWrongSettings } from '../../core/lib/check-settings.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { PulltraceError } from '../../core/lib/errors.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { healthLimits, type Listener, openHttpListener } from '../../core/lib/http-listener.ts'
import { acquireLock, LockHeld } from '../../core/lib/lockfile.ts'
import { createLogger, type Logger, silentLogger } from '../../core/lib/log.ts'
import type { Env } from '../../core/lib/settings.ts'
import { openTls } from '../../core/lib/tls.ts'
import { toldToBegin, waitToBeginFlag } from '../../core/lib/told-to-begin.ts'
import { warnOfUnknownSettings } from '../../core/lib/unknown-settings.ts'
import { version } from '../../core/lib/version.ts'
import { openSqliteTk } from '../store/sqlite/open-sqlite-tk.ts'
import { databaseFile } from '../tk/database-file.ts'
import { healthHandler } from '../tk/health.ts'
import { openSecrets } from '../tk/secrets.ts'
import { Assets, sharedModules, sharedStyles } from '../ui/assets.ts'
import { loadWebUiConfig, program } from './config.ts'
import { createWebApp } from './http/app.ts'
import { answerClientError } from './http/client-error.ts'
import { WebUiMetrics } from './metrics.ts'
import { PauseView } from './pause-view.ts'
import { Accounts } from './people/accounts.ts'
import { makeFirstAdmin } from './people/first-admin.ts'
import { resetPassword } from './people/reset-password.ts'
import { webRoutes } from './routes.ts'

/** How often files that may be replaced are looked at. Milliseconds. */
const filesEveryMs = 5000
const webStyles = [...sharedStyles, ...['web-ui', 'rules'].map(name => `server/web-ui/styles/${name}.css`)]
const pruneEveryMs = 3_600_000
const pageLimits = { maxConnections: 2000, headersTimeoutMs: 10_000, requestTimeoutMs: 30_000, keepAliveMs: 65_000 }

export interface Hooks {
  /** When both listeners are open, with addresses that can be used. */
  readonly onListening?: (url: string, metricsUrl: string) => void
  /** The first user was made: nothing else will ever show this password. */
  readonly onFirstAdmin?: (name: string, password: string) => void
  /** For tests: a log that is not on stderr. */
  readonly log?: Logger
}

/** Starts in the order written; once `stop` aborts it stops in reverse, and resolves when all is closed. */
export async function main(env: Env, stop: AbortSignal, hooks: Hooks = {}): Promise<void> {
  const config = loadWebUiConfig(env)
  const log = hooks.log ?? createLogger(program, config.logLevel)
  warnOfUnknownSettings(env, log)
  const clock = systemClock
  await using running = new AsyncDisposableStack()

  const lock = running.use(await acquireLock({ databaseFile: config.databaseFile, service: program, clock, log }))
  const store = openSqliteTk({ file: config.databaseFile, clock, log })
  running.defer(() => store.close())

  const state: { notReady: string | undefined; pages: Listener | undefined } = {
    notReady: 'starting',
    pages: undefined,
  }
  const databaseUp = () => store.health().healthy
  const metrics = new WebUiMetrics({
    version,
    databaseUp,
    connections: async () => (await state.pages?.connections()) ?? 0,
  })
  const accounts = new Accounts({ store, clock, log, tried: metrics.signInTried })
  const pause = new PauseView(store.rules, clock)
  const secret = async () => (await openSecrets(config.secrets, store.keys, log))[0]!
  const app = createWebApp({
    ...{ accounts, metrics, version, clock, log, pause: pause.pause },
    ...{
      publicUrl: config.publicUrl,
      pullsUrl: config.pullsUrl,
      trustedProxies: config.trustedProxies,
      notice: config.notice,
    },
    routes: webRoutes({ store, accounts, pause, secret, clock, pullsUrl: config.pullsUrl }),
    assets: Assets.open({ modules: sharedModules, styles: webStyles }),
  })

  const tls = config.tls && running.use(await openTls(config.tls, filesEveryMs, log))
  const health = healthHandler({
    registry: metrics.registry,
    notReady: () => state.notReady,
    database: () => store.health(),
    log,
  })
  const probes = await openHttpListener(health, config.metricsAddr, healthLimits, answerClientError, tls)
  running.defer(() => probes.close(0))
  const pages = await openHttpListener(app.callback(), config.httpAddr, pageLimits, answerClientError, tls)
  running.defer(() => pages.close(config.shutdownGraceMs))
  state.pages = pages

  const background = new AbortController()
  const first = {
    ...{ store: store.users, passwordFile: config.adminPasswordFile, clock, log },
    tell: hooks.onFirstAdmin ?? printFirstAdmin,
  }
  const begun = makeFirstAdmin(first, background.signal).then(() => {
    state.notReady = undefined
  })
  const pruning = pruneSessions(() => store.sessions.prune(), log, background.signal)
  running.defer(async () => {
    background.abort()
    await Promise.allSettled([begun, pruning])
  })

  log.info('listening', { url: pages.url, metricsUrl: probes.url, database: config.databaseFile, version })
  hooks.onListening?.(pages.url, probes.url)
  // A first password that cannot be used must end the start; else it goes on until it is told to stop.
  await Promise.race([aborted(AbortSignal.any([stop, lock.lost])), begun.then(() => new Promise<never>(() => {}))])
  state.notReady = 'draining'
  if (lock.lost.aborted) throw lock.lost.reason
  log.info('stopping')
}

/** On stdout, where no log goes. */
function printFirstAdmin(name: string, password: string): void {
  console.log(`The first user of tk-web-ui is '${name}' with the password ${password}`)
  console.log('It is shown this once, and must be changed at the first sign-in.')
}

async function pruneSessions(prune: () => Promise<number>, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // The only rejection is the abort itself.
    await systemClock.sleep(pruneEveryMs, signal).catch(() => {})
    if (!signal.aborted) await prune().catch(error => log.warn('sessions not pruned', { error }))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

const usage = `tk-web-ui                       serve the pages
tk-web-ui reset-password NAME   give a user a new first password, also while it serves
tk-web-ui --check-settings      name every wrong setting, and do nothing else
tk-web-ui --version             show the version

Settings are environment variables: docs/configuration.md.`

/** The exit code. */
async function runCommand([command, name, ...more]: readonly string[]): Promise<number> {
  if (command === '--version') {
    console.log(`${program} ${version}`)
    return 0
  }
  if (command !== 'reset-password' || name === undefined || more.length > 0) {
    const asked = command === '--help' || command === '-h'
    console[asked ? 'log' : 'error'](usage)
    return asked ? 0 : 2
  }
  const { parse, default: fallback } = databaseFile
  const file = parse(process.env[databaseFile.name] || fallback!)
  const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
  try {
    const password = await resetPassword(store.users, name)
    console.log(`The password of ${harmless(name)} is now ${password} and must be changed at the next sign-in`)
    return 0
  } catch (reason) {
    const { publicMessage, details } = PulltraceError.from(reason)
    console.error(harmless(`${publicMessage}${details.fix === undefined ? '' : `: ${details.fix}`}`))
    return 1
  } finally {
    await store.close()
  }
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
  if (args.includes(checkSettingsFlag)) process.exit(answerCheckSettings(process.env, loadWebUiConfig))
  const env = await toldToBegin(process.argv, process.env, () => loadWebUiConfig(process.env))
  if (args.length === 0) await serve(env)
  else process.exitCode = await runCommand(args)
}
