import { Code } from '../core/lib/errors.ts'

/** Exit codes of `pulltrace`, in its help: never renumbered, scripts test them. */
export const exitCodes = {
  ok: 0,
  internal: 1,
  usage: 2,
  unavailable: 3,
  refused: 4,
} as const

export const exitCodeHelp = `Exit codes:
  0  done, or stopped by Ctrl-C
  1  something went wrong inside pulltrace, or its output cannot be written
  2  a bad argument, setting, file or answer
  3  the server cannot be reached, or a program of 'up' died
  4  the server refused: token missing or not allowed`

export function exitCodeOf(code: Code): number {
  switch (code) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return exitCodes.refused
    case Code.Unavailable:
    case Code.Exhausted:
    case Code.Timeout:
      return exitCodes.unavailable
    case Code.Internal:
      return exitCodes.internal
    default:
      return exitCodes.usage
  }
}
