import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

export interface ForwardRequest {
  readonly path: string
  readonly authorization: string | undefined
  readonly protocols: string | undefined
}

export interface ForwardOptions {
  /** Instead of a tunnel. */
  readonly refuse?: (path: string) => Refusal | undefined
  /** Answers what is no port-forward. */
  readonly calls?: RequestListener
  /** PEM: it is spoken to over TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/**
 * The port-forward of an API server and its kubelet, for tests without a node: `ports` leads the ports of a pod to
 * ports of this machine. What differs from a real one is found by the tests on the real cluster.
 */
export async function openForwardServer(
  ports: ReadonlyMap<number, number>,
  { refuse, calls = (_, response) => void response.writeHead(404).end(), tls }: ForwardOptions = {},
) {
  const requests: ForwardRequest[] = []
  const sockets = new Set<WebSocket>()
  const server = tls === undefined ? http.createServer(calls) : https.createServer(tls, calls)
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v4.channel.k8s.io' })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = request.url ?? ''
    requests.push({
      path,
      authorization: request.headers.authorization,
      protocols: request.headers['sec-websocket-protocol'],
    })
    const refusal = refuse?.(path)
    if (refusal !== undefined) {
      const body = JSON.stringify(refusal.status)
      socket.end(`HTTP/1.1 ${refusal.code} No\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      return
    }
    webSockets.handleUpgrade(request, socket, head, accepted => {
      sockets.add(accepted)
      // API servers are asked for `ports`, and ask a kubelet for `port`.
      const { searchParams } = new URL(path, 'http://stand-in')
      const port = Number(searchParams.get('ports') ?? searchParams.get('port'))
      forward(accepted, port, ports.get(port))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.terminate()
  }
  const { port } = server.address() as net.AddressInfo
  return {
    port,
    serverUrl: `http${tls === undefined ? '' : 's'}://127.0.0.1:${port}`,
    requests,
    /** As when a kubelet dies. */
    cut,
    async close() {
      cut()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Refusal {
  readonly code: number
  readonly status: object
}

function forward(socket: WebSocket, port: number, target: number | undefined): void {
  const send = (channel: number, bytes: Buffer) => {
    if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.of(channel), bytes]))
  }
  const portBytes = Buffer.alloc(2)
  portBytes.writeUInt16LE(port)
  send(0, portBytes)
  send(1, portBytes)
  const connection = net.connect({ host: '127.0.0.1', port: target ?? 1 })
  connection.on('data', bytes => {
    send(0, bytes)
    // As the kubelet does: who reads slowly slows down the one who writes.
    if (socket.bufferedAmount < 1024 * 1024) return
    connection.pause()
    const timer = setInterval(() => {
      if (socket.bufferedAmount > 0 && socket.readyState === socket.OPEN) return
      clearInterval(timer)
      connection.resume()
    }, 5)
  })
  connection.on('error', error => {
    send(1, Buffer.from(`an error occurred forwarding ${port}: ${error.message}`))
    socket.close()
  })
  connection.on('end', () => socket.close())
  socket.on('message', message => {
    const bytes = message as Buffer
    if (bytes[0] === 0) connection.write(bytes.subarray(1))
  })
  socket.on('close', () => connection.destroy())
}
