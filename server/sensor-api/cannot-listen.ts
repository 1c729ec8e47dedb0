import { type AddressInfo, isIPv6 } from 'node:net'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { ListenAddress } from '../../core/lib/settings.ts'

/** Says which setting moves it. */
export function cannotListen({ host = '', port }: ListenAddress, setting: string, cause: unknown): PulltraceError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = code === 'EADDRINUSE' ? 'it is in use by another program' : message
  const fix = `set ${setting} to another address`
  return new PulltraceError(Code.Unavailable, `cannot listen on '${host}:${port}': ${why}`, { fix, cause })
}

/** An address that can be called: of a listener on every address, localhost. */
export function urlOf({ address, port }: AddressInfo, tls: boolean): string {
  const name = address === '::' || address === '0.0.0.0' ? 'localhost' : isIPv6(address) ? `[${address}]` : address
  return `${tls ? 'https' : 'http'}://${name}:${port}`
}
