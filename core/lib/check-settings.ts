import { PulltraceError } from './errors.ts'

/** The argument that has a program say what is wrong with its settings, and do nothing else. */
export const checkSettingsFlag = '--check-settings'

/**
 * For that argument: reads the settings as at a start and prints every fault. The exit code: 0 when there is
 * none, else 2, as for a bad argument.
 */
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
