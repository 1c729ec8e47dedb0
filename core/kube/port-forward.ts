import { Duplex } from 'node:stream'
import WebSocket from 'ws'
import type { Credentials } from './cluster.ts'
import { errorOfAnswer, KubeError } from './kube-error.ts'
import { queryOf, resourcePath } from './path.ts'
import { pods } from './resources.ts'

/** Who asks: a KubeApi is enough. */
export interface Forwarder {
  readonly serverUrl: string
  credentials(): Promise<Credentials>
}

export interface PodPort {
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

/** Of one WebSocket message; kubelets send at most 32 KiB. */
const maxMessageBytes = 16 * 1024 * 1024
const handshakeMs = 10_000
const maxErrorBytes = 4096

/**
 * One connection to a port of a pod, through the API server and the node's kubelet, as `kubectl port-forward` makes
 * it, but without a listener: nobody else on this machine can use it. Rejects with a KubeError. The kubelet's wire
 * (v4.channel.k8s.io) has a channel for bytes and one for the reason why there are none, each of which begins with
 * the port in two bytes; it knows no half-closed connection, so whoever writes must leave the end to the other side.
 */
export async function openPortForward(
  { serverUrl, credentials }: Forwarder,
  { namespace, pod, port }: PodPort,
  signal?: AbortSignal,
): Promise<Duplex> {
  const path = resourcePath(pods, { namespace, name: pod, subresource: 'portforward' }) + queryOf({ ports: port })
  const what = `GET ${path}`
  const { headers, tls, agent } = await credentialsOf(credentials, what)
  signal?.throwIfAborted()
  const socket = new WebSocket(serverUrl.replace(/^http/, 'ws') + path, ['v4.channel.k8s.io'], {
    headers: { ...headers },
    ...tls,
    ...(agent && { agent }),
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: handshakeMs,
  })
  const abort = () => socket.terminate()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await opened(socket, what)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

async function credentialsOf(credentials: Forwarder['credentials'], what: string): Promise<Credentials> {
  try {
    return await credentials()
  } catch (cause) {
    throw new KubeError(0, 'NoCredentials', `${what}: ${(cause as Error).message}`, { cause })
  }
}

function opened(socket: WebSocket, what: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    // At once: the first messages may have come with the answer.
    socket.once('open', () => resolve(new PortForward(socket, what)))
    socket.on('error', cause => reject(new KubeError(0, 'Unreachable', `${what}: ${cause.message}`, { cause })))
    socket.once('unexpected-response', (_, response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body = (body + text).slice(0, maxErrorBytes)
      })
      // Also after an answer that broke off: its status says enough.
      response.on('close', () => {
        reject(errorOfAnswer(what, response.statusCode ?? 0, body, response.headers['retry-after']))
        socket.terminate()
      })
    })
  })
}

const dataChannel = 0
const errorChannel = 1

class PortForward extends Duplex {
  readonly #socket: WebSocket
  readonly #what: string
  /** Bytes of each channel's first two, its port, that have not come yet. */
  readonly #portBytesLeft = [2, 2]

  constructor(socket: WebSocket, what: string) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#what = what
    // The reason why there is no connection may come before anybody listens; whoever reads or writes then is told.
    this.on('error', () => {})
    socket.on('message', data => this.#take(data as Buffer))
    socket.on('close', () => this.push(null))
    socket.on('error', cause => this.destroy(this.#error(cause.message, cause)))
  }

  #take(message: Buffer): void {
    const channel = message[0] ?? -1
    if (channel !== dataChannel && channel !== errorChannel) return
    const skipped = Math.min(this.#portBytesLeft[channel]!, message.length - 1)
    this.#portBytesLeft[channel]! -= skipped
    const bytes = message.subarray(1 + skipped)
    if (bytes.length === 0) return
    if (channel === errorChannel) this.destroy(this.#error(bytes.toString('utf8', 0, maxErrorBytes).trim()))
    else if (!this.push(bytes)) this.#socket.pause()
  }

  #error(reason: string, cause?: unknown): KubeError {
    return new KubeError(0, 'PortForwardFailed', `${this.#what}: ${reason}`, { cause })
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    const message = Buffer.allocUnsafe(chunk.length + 1)
    message[0] = dataChannel
    chunk.copy(message, 1)
    this.#socket.send(message, error => done(error ? this.#error(error.message, error) : null))
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // Not `close`, which waits for the answer of a kubelet that may be gone, and holds up the end of the program.
    this.#socket.terminate()
    done(error)
  }
}
