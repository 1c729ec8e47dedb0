import type { RequestListener } from 'node:http'
import { type Listener, type ListenerLimits, openHttpListener } from '../../../core/lib/http-listener.ts'
import type { ListenAddress } from '../../../core/lib/settings.ts'
import type { LiveTls } from '../../../core/lib/tls.ts'
import { answerClientError } from './client-error.ts'

export const apiLimits: ListenerLimits = {
  maxConnections: 20_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 6 * 60_000,
}

/** As `openHttpListener`; what is no request gets the API's own error. */
export const openListener = (
  handler: RequestListener,
  address: ListenAddress,
  limits: ListenerLimits,
  tls?: LiveTls,
): Promise<Listener> => openHttpListener(handler, address, limits, answerClientError, tls)
