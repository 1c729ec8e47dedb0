import { answerCheckSettings, checkSettingsFlag } from './check-settings.ts'
import { closest } from './closest.ts'
import { harmless } from './harmless.ts'
import type { Env } from './settings.ts'
import { waitToBeginFlag } from './told-to-begin.ts'
import { version } from './version.ts'

const helpFlag = '--help'
const versionFlag = '--version'
const told: readonly string[] = [helpFlag, versionFlag, checkSettingsFlag]

const helpOf = (program: string) => `Usage: ${program} [${checkSettingsFlag}]

All settings come from the environment; docs/configuration.md lists them.

  ${checkSettingsFlag}  say every fault of the settings, and do nothing else
  ${versionFlag}         print the version
  ${helpFlag}            print this`

/**
 * For a program that has all its settings from the environment: does what its arguments ask for, and refuses those that
 * it does not know. The exit code; undefined when the program is to run.
 */
export function answeredArguments(
  program: string,
  args: readonly string[],
  env: Env,
  load: (env: Env) => unknown,
  { print = console.log, complain = console.error }: { print?(text: string): void; complain?(text: string): void } = {},
): number | undefined {
  const wrong = args.find(arg => !told.includes(arg) && arg !== waitToBeginFlag)
  if (args.includes(helpFlag)) print(helpOf(program))
  else if (wrong !== undefined) {
    const meant = closest(wrong, told)
    const guess = meant === undefined ? '' : `, did you mean ${meant}?`
    complain(
      `${program} has no argument '${harmless(wrong)}'${guess}\nsettings come from the environment: ${program} ${helpFlag}`,
    )
    return 2
  } else if (args.includes(versionFlag)) print(version)
  else if (args.includes(checkSettingsFlag)) return answerCheckSettings(env, load, complain)
  else return undefined
  return 0
}
