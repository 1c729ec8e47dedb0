import { PulltraceError } from './errors.ts'
import { type Env, WrongSettings } from './settings.ts'
import { unknownSettings, unknownSettingText } from './unknown-settings.ts'

/** The argument that has a program say what is wrong with its settings, and do nothing else. */
export const checkSettingsFlag = '--check-settings'

/** For that argument: names also what looks like a setting and is none, which is no fault. The exit code. */
export function answerCheckSettings(env: Env, load: (env: Env) => unknown, print = console.error): number {
  for (const setting of unknownSettings(env)) print(unknownSettingText(setting))
  return checkSettings(() => load(env), print)
}

/** Reads the settings as at a start and prints every fault. The exit code: 0 when there is none, else 2, as for a bad argument. */
export function checkSettings(load: () => unknown, print: (text: string) => void = console.error): number {
  try {
    load()
    return 0
  } catch (reason) {
    const { message, details } = PulltraceError.from(reason)
    print(details.fix === undefined ? message : `${message}\n${details.fix}`)
    return 2
  }
}

/**
 * What a program says that stops at its start because of its settings: the same words as for `--check-settings`, and
 * its exit code. Undefined for every other error, of which nothing is said here.
 */
export function toldWrongSettings(reason: unknown, print?: (text: string) => void): number | undefined {
  if (!(reason instanceof WrongSettings)) return undefined
  return checkSettings(() => {
    throw reason
  }, print)
}
