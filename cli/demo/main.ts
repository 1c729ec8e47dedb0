import { systemClock } from '../../core/lib/clock.ts'
import { createLogger } from '../../core/lib/log.ts'
import type { Env } from '../../core/lib/settings.ts'
import { toldToBegin } from '../../core/lib/told-to-begin.ts'
import { loadDemoConfig } from './config.ts'
import { openDemoSocket } from './listen.ts'
import { DemoRuntime } from './runtime.ts'
import { playScenario } from './scenario.ts'

/** How often the model moves when nobody looks, so that subscribers get events in time. */
const tickMs = 50

/** Serves a made-up containerd on a private socket until `stop`, then removes the socket. */
export async function main(env: Env, stop: AbortSignal): Promise<void> {
  const { socket, logLevel } = loadDemoConfig(env)
  const log = createLogger('pulltrace-demo', logLevel)
  const runtime = new DemoRuntime({ clock: systemClock, seed: Date.now() })
  await using running = new AsyncDisposableStack()
  const served = await openDemoSocket(runtime, socket)
  running.defer(() => served.close())
  playScenario(runtime)
  log.info('demo runtime ready', { socket })
  while (!stop.aborted) {
    runtime.advance()
    // Rejects only on abort, and the loop condition is what ends the loop.
    await systemClock.sleep(tickMs, stop).catch(() => {})
  }
}

if (import.meta.main) {
  const env = await toldToBegin(process.argv, process.env, () => loadDemoConfig(process.env))
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  // Its parent died without a word, perhaps while this was loading: nobody is left to stop it.
  process.once('disconnect', () => stop.abort())
  if (process.connected === false) stop.abort()
  // A listener alone would keep a program alive that has ended.
  process.channel?.unref()
  try {
    await main(env, stop.signal)
  } catch (error) {
    createLogger('pulltrace-demo', 'error').error('demo runtime cannot run', { error })
    process.exitCode = 1
  }
}
