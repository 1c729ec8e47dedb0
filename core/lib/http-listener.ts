import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, isIPv6, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { cannotListen } from './cannot-listen.ts'
import type { ListenAddress } from './settings.ts'
import type { LiveTls } from './tls.ts'
import { boundPipelined, UnreadAnswers } from './unread-answers.ts'

/**
 * A kernel lets go of what it sends in pieces of a megabyte and more: a client that reads slowly all the time is not seen
 * to for minutes. Milliseconds.
 */
const longestStallMs = 300_000

export interface ListenerLimits {
  readonly maxConnections: number
  readonly headersTimeoutMs: number
  /** From the first byte of a request to the last byte of its body. */
  readonly requestTimeoutMs: number
  /**
   * How long an idle connection stays. Above the longest report interval: a connection closed
   * at the moment an agent posts would cost that report.
   */
  readonly keepAliveMs: number
  /** How long an answer may wait for a client that takes nothing of it; 5 min if not set. An event stream may for ever. */
  readonly stalledAnswerMs?: number
}

/** For probes and Prometheus. */
export const healthLimits: ListenerLimits = {
  maxConnections: 200,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveMs: 90_000,
}

export interface Listener {
  readonly url: string
  readonly server: Server
  /** Open now. */
  connections(): Promise<number>
  /** Accepts no more, closes idle connections, and resolves when the last answer is out or `graceMs` is over. */
  close(graceMs: number): Promise<void>
}

/** Answers what never became a request, or stopped being one: Node's parser and its timeouts. */
export type ClientErrorListener = (cause: NodeJS.ErrnoException, socket: Duplex) => void

/** Opens a listener with every limit set. Rejects with Code.Unavailable when the address cannot be had. */
export async function openHttpListener(
  handler: RequestListener,
  address: ListenAddress,
  limits: ListenerLimits,
  onClientError: ClientErrorListener,
  tls?: LiveTls,
): Promise<Listener> {
  const options = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    // How often the two timeouts above are looked at: they may be late by this much.
    connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs / 2),
    noDelay: true,
    handshakeTimeout: limits.headersTimeoutMs,
  }
  const bounded = boundPipelined(handler)
  const server =
    tls === undefined ? createServer(options, bounded) : createTlsServer({ ...options, ...tls.value }, bounded)
  server.maxConnections = limits.maxConnections
  server.on('clientError', onClientError)
  const connections = new Connections(server, tls !== undefined, limits.stalledAnswerMs ?? longestStallMs)
  if (tls !== undefined && 'setSecureContext' in server) tls.onChange(value => server.setSecureContext(value))
  await listen(server, address)
  return {
    url: urlOf(server.address() as AddressInfo, address.host, tls !== undefined),
    server,
    connections: promisify(server.getConnections.bind(server)),
    close: graceMs => close(server, connections, graceMs),
  }
}

async function listen(server: Server, address: ListenAddress): Promise<void> {
  server.listen(address.port, address.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw cannotListen(address, cause)
  }
}

/** An address that a person can open: every-address listeners are reached as localhost. */
function urlOf({ address, port }: AddressInfo, asked: string | undefined, tls: boolean): string {
  const name = asked === undefined || address === '::' || address === '0.0.0.0' ? 'localhost' : (asked ?? address)
  return `${tls ? 'https' : 'http'}://${isIPv6(name) ? `[${name}]` : name}:${port}`
}

/** What Node does not tell: connections that have not sent a request, those that do not read, and those still shaking hands. */
class Connections {
  readonly #all = new Set<Socket>()
  readonly #ready = new Set<Socket>()
  readonly #silent = new Set<Socket>()

  constructor(server: Server, tls: boolean, stalledAnswerMs: number) {
    server.on('connection', socket => follow(this.#all, socket))
    server.on(tls ? 'secureConnection' : 'connection', socket => {
      follow(this.#ready, socket)
      follow(this.#silent, socket)
    })
    server.on('request', request => this.#silent.delete(request.socket))
    const unread = new UnreadAnswers(stalledAnswerMs)
    const look = () => unread.look(this.#ready, performance.now())
    server.once('listening', () => {
      const looks = setInterval(look, Math.min(5000, stalledAnswerMs / 2))
      server.once('close', () => clearInterval(looks))
    })
  }

  destroySilent(): void {
    for (const socket of this.#silent) socket.destroy()
  }

  destroyAll(): void {
    for (const socket of this.#all) socket.destroy()
  }
}

function follow(set: Set<Socket>, socket: Socket): void {
  set.add(socket)
  socket.once('close', () => set.delete(socket))
}

async function close(server: Server, connections: Connections, graceMs: number): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  connections.destroySilent()
  // Connections become idle one by one as their answers go out; `closeIdleConnections` looks once.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const kill = setTimeout(() => connections.destroyAll(), graceMs)
  try {
    await closed
  } finally {
    clearInterval(sweep)
    clearTimeout(kill)
  }
}
