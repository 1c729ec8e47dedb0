import { checkSettings } from './check-settings.ts'
import type { Env } from './settings.ts'

/**
 * The argument that has a program load, tell the process that started it what is wrong with its settings, and begin
 * when that one says so. Programs that need each other's addresses are loaded side by side and begin by turns, and
 * none begins while the settings of another are wrong.
 */
export const waitToBeginFlag = '--wait-to-begin'

/** What the program says when it is loaded: every fault of its settings and what to do; empty when there is none. */
export interface Loaded {
  readonly faults: string
}

/** What it is told then: settings that were not known before. */
export interface Begin {
  readonly settings: Readonly<Record<string, string>>
}

/** For that argument: resolves with `env` and what was told, when it was told. Else with `env` at once. */
export async function toldToBegin(argv: readonly string[], env: Env, load: () => unknown): Promise<Env> {
  const { channel } = process
  if (!argv.includes(waitToBeginFlag) || !channel) return env
  let faults = ''
  checkSettings(load, text => {
    faults = text
  })
  const told = new Promise<Begin>(resolve => process.once('message', message => resolve(message as Begin)))
  // Nothing else may keep it alive yet; later the channel must not.
  channel.ref()
  process.send?.({ faults } satisfies Loaded)
  const { settings } = await told
  channel.unref()
  return { ...env, ...settings }
}
