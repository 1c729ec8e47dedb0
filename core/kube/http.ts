import http from 'node:http'
import https from 'node:https'
import type { Cluster, Credentials } from './cluster.ts'
import { errorOfAnswer, KubeError } from './kube-error.ts'

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With the query. */
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
  /** From sending to the last byte; for a stream, to the answer's head. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** How a call ended: its method, the HTTP status (0: no answer) and how long it took. For metrics. */
export type Answered = (method: string, status: number, seconds: number) => void

export interface HttpOptions {
  readonly userAgent: string
  readonly answered?: Answered | undefined
}

/** A list of 500 pods, each as large as pods get, is half of this. */
const maxAnswerBytes = 64 * 1024 * 1024
/** Less than the 60 s after which load balancers forget a connection that says nothing. */
const tcpKeepAliveMs = 30_000

/** Sends calls to one API server. Every failure is a KubeError, or the signal's own reason. */
export class KubeHttp {
  readonly #cluster: Cluster
  readonly #options: HttpOptions
  readonly #agents = {
    'http:': new http.Agent({ keepAlive: true, keepAliveMsecs: tcpKeepAliveMs }),
    'https:': new https.Agent({ keepAlive: true, keepAliveMsecs: tcpKeepAliveMs }),
  }

  constructor(cluster: Cluster, options: HttpOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** The answer's JSON; rejects unless it is 2xx. */
  async json(call: Call): Promise<unknown> {
    return this.#send(call, async response => {
      const text = await textOf(response)
      try {
        return JSON.parse(text) as unknown
      } catch (cause) {
        throw new KubeError(response.statusCode ?? 0, 'NotJson', `${describe(call)}: the answer is not JSON`, { cause })
      }
    })
  }

  /** The answer's bytes as they come, for as long as they come; rejects unless the head is 2xx. */
  async stream(call: Call): Promise<AsyncIterable<Uint8Array>> {
    return this.#send(call, async response => bytesOf(call, response))
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  /**
   * A 401 was acted on by nobody, so the call is sent again with fresh credentials, once: a token that was renewed
   * early is then a matter of milliseconds. So is a connection that the server closed just as we wrote to it,
   * unless the call makes something: two would be made.
   */
  async #send<T>(call: Call, read: (response: http.IncomingMessage) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sendOnce(call, read)
      } catch (error) {
        if (attempt > 1 || call.signal?.aborted || !(error instanceof KubeError)) throw error
        if (error.status === 401) this.#cluster.refused()
        else if (error.reason !== 'StaleConnection' || call.method === 'POST') throw error
      }
    }
  }

  async #sendOnce<T>(call: Call, read: (response: http.IncomingMessage) => Promise<T>): Promise<T> {
    call.signal?.throwIfAborted()
    const startedMs = performance.now()
    let status = 0
    let request: http.ClientRequest | undefined
    let tooLate: KubeError | undefined
    // For the credentials, which may come from a plugin or a network and know of no end: the request has its own.
    const ended = Promise.withResolvers<never>()
    const aborted = () => ended.reject(call.signal?.reason)
    call.signal?.addEventListener('abort', aborted, { once: true })
    const timer = setTimeout(() => {
      tooLate = new KubeError(0, 'Timeout', `${describe(call)}: no answer within ${call.deadlineMs} ms`)
      ended.reject(tooLate)
      request?.destroy(tooLate)
    }, call.deadlineMs)
    try {
      const credentials = await Promise.race([this.#credentials(call), ended.promise])
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
        request = this.#request(call, body?.byteLength, credentials)
        request.on('response', resolve)
        request.on('error', reject)
        request.end(body)
      })
      status = response.statusCode ?? 0
      if (status >= 200 && status < 300) return await read(response)
      const body = await textOf(response)
      throw errorOfAnswer(describe(call), status, body, response.headers['retry-after'])
    } catch (reason) {
      if (call.signal?.aborted) throw call.signal.reason
      throw tooLate ?? asKubeError(call, reason, request)
    } finally {
      clearTimeout(timer)
      call.signal?.removeEventListener('abort', aborted)
      this.#options.answered?.(call.method, status, (performance.now() - startedMs) / 1000)
    }
  }

  async #credentials(call: Call): Promise<Credentials> {
    try {
      return await this.#cluster.credentials()
    } catch (cause) {
      throw new KubeError(0, 'NoCredentials', `${describe(call)}: ${(cause as Error).message}`, { cause })
    }
  }

  #request(call: Call, bodyBytes: number | undefined, { headers, tls, agent }: Credentials): http.ClientRequest {
    const url = new URL(this.#cluster.serverUrl + call.path)
    const secure = url.protocol === 'https:'
    const options: https.RequestOptions = {
      method: call.method,
      agent: agent ?? this.#agents[secure ? 'https:' : 'http:'],
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent,
        ...(bodyBytes !== undefined && {
          'content-type': call.contentType ?? 'application/json',
          // Node frames the body of a DELETE in no other way.
          'content-length': bodyBytes,
        }),
        ...headers,
      },
      ...(secure && tls),
      ...(call.signal && { signal: call.signal }),
    }
    return secure ? https.request(url, options) : http.request(url, options)
  }
}

async function* bytesOf(call: Call, response: http.IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>
  } catch (reason) {
    throw call.signal?.aborted ? call.signal.reason : asKubeError(call, reason, undefined)
  }
}

const describe = (call: Call): string => `${call.method} ${call.path}`

async function textOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > maxAnswerBytes) throw new KubeError(0, 'TooLarge', `the answer has more than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function asKubeError(call: Call, reason: unknown, request: http.ClientRequest | undefined): KubeError {
  if (reason instanceof KubeError) return reason
  const { code, message } = reason as NodeJS.ErrnoException
  const isStale = request?.reusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE')
  return new KubeError(0, isStale ? 'StaleConnection' : 'Unreachable', `${describe(call)}: ${message || code}`, {
    cause: reason,
  })
}
