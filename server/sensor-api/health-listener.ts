import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { cannotListen } from '../../core/lib/cannot-listen.ts'
import type { ListenAddress } from '../../core/lib/settings.ts'
import type { LiveTls } from '../../core/lib/tls.ts'

export interface HealthListener {
  readonly address: AddressInfo
  /** Cuts what is connected: a scraper that hangs must not keep the service from ending. */
  close(): Promise<void>
}

const options = { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 90_000, maxHeaderSize: 16 * 1024 }

/** For probes and Prometheus: it must answer when the gRPC port is at its limits. */
export async function listenHealth(
  handler: RequestListener,
  address: ListenAddress,
  tls: LiveTls | undefined,
): Promise<HealthListener> {
  const server =
    tls === undefined ? createServer(options, handler) : createTlsServer({ ...options, ...tls.value }, handler)
  server.maxConnections = 200
  if (tls !== undefined && 'setSecureContext' in server) tls.onChange(value => server.setSecureContext(value))
  server.listen(address.port, address.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw cannotListen(address, cause)
  }
  return {
    address: server.address() as AddressInfo,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
