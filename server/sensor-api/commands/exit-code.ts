import { Code } from '../../../core/lib/errors.ts'

/** Exit codes of the commands, in their help: never renumbered, scripts test them. */
export const exitCodes = { done: 0, pending: 1, refused: 2, failed: 3 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeHelp = `Exit codes:
  0  done; with --dry-run: nothing would change
  1  nothing was changed: --dry-run would change something, or the answer was no
  2  a bad argument, setting, file or rule; nothing was changed
  3  the database cannot be used, or somebody else changed a rule meanwhile; nothing was changed`

export function exitCodeOf(code: Code): ExitCode {
  switch (code) {
    case Code.Unavailable:
    case Code.Exhausted:
    case Code.Timeout:
    case Code.Conflict:
    case Code.Internal:
      return exitCodes.failed
    default:
      return exitCodes.refused
  }
}
