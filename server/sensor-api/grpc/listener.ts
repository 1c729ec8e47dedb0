import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { type Server, ServerCredentials } from '@grpc/grpc-js'
import { cannotListen } from '../../../core/lib/cannot-listen.ts'
import type { ListenAddress } from '../../../core/lib/settings.ts'
import type { LiveTls } from '../../../core/lib/tls.ts'

export interface GrpcListenerOptions {
  readonly address: ListenAddress
  /** Plain text when there is none. */
  readonly tls: LiveTls | undefined
  readonly maxConnections: number
}

export interface GrpcListener {
  readonly address: AddressInfo
  connections(): number
  /** Takes no more connections; calls under way finish, at most for `graceMs`, then everything is cut. */
  close(graceMs: number): Promise<void>
}

const handshakeMs = 10_000

/**
 * Listens itself and gives each connection to grpc-js, which would listen without a bound on connections and without
 * a certificate that can be renewed.
 */
export async function listenGrpc(server: Server, options: GrpcListenerOptions): Promise<GrpcListener> {
  const { tls, address, maxConnections } = options
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const open = new Set<Socket>()
  const take = (socket: Socket) => {
    socket.setNoDelay(true)
    // A client that resets its connection is no fault of ours; unheard, it would end the process.
    socket.on('error', () => socket.destroy())
    injector.injectConnection(socket)
  }
  const listener = tls === undefined ? createServer(take) : tlsListener(tls, take)
  listener.maxConnections = maxConnections
  listener.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  await listen(listener, address)
  return {
    address: listener.address() as AddressInfo,
    connections: () => open.size,
    async close(graceMs) {
      // Resolves when the last connection is gone. Each goes by itself when its calls are answered.
      const closed = new Promise<void>(resolve => listener.close(() => resolve()))
      // Its callback comes too early: connections that close count as closed.
      server.tryShutdown(() => {})
      const cut = setTimeout(() => {
        server.forceShutdown()
        for (const socket of open) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(cut)
    },
  }
}

function tlsListener(tls: LiveTls, take: (socket: TLSSocket) => void): TlsServer {
  const server = createTlsServer({ ...tls.value, ALPNProtocols: ['h2'], handshakeTimeout: handshakeMs }, take)
  server.on('tlsClientError', (_, socket) => socket.destroy())
  tls.onChange(value => server.setSecureContext(value))
  return server
}

async function listen(server: NetServer, address: ListenAddress): Promise<void> {
  server.listen(address.port, address.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw cannotListen(address, cause)
  }
}
