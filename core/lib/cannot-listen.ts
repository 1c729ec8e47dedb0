import { isIPv6 } from 'node:net'
import { Code, PulltraceError } from './errors.ts'
import type { ListenAddress } from './settings.ts'

/** Why nothing listens there, and which setting moves it, where that is known. */
export function cannotListen({ host = '', port, setting }: ListenAddress, cause: unknown): PulltraceError {
  const { code, message } = cause as NodeJS.ErrnoException
  const where = `'${isIPv6(host) ? `[${host}]` : host}:${port}'`
  const move = setting === undefined ? 'choose another address' : `set ${setting} to another address`
  if (code !== 'EADDRINUSE') {
    return new PulltraceError(Code.Unavailable, `cannot listen on ${where}: ${message}`, { fix: move, cause })
  }
  return new PulltraceError(Code.Unavailable, `${where} is in use by another program`, {
    fix: `stop that program, or ${move} (port 0 takes any free one)`,
    cause,
  })
}
