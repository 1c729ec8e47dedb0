import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { Frames } from './frames.ts'
import { GrpcFailure, grpcStatus } from './grpc-failure.ts'

/**
 * gRPC over one Unix socket, for a caller that only asks: one question, and one answer or many. grpc-js does this too,
 * with balancing, retries, interceptors and name resolution that a socket has no use for: a call through them costs
 * twice as much, and a look is made of calls (bench/agent.ts).
 */
export interface Method<Request, Answer, Path extends string = string> {
  readonly path: Path
  requestSerialize(request: Request): Buffer
  responseDeserialize(bytes: Buffer): Answer
}

export interface CallOptions<Request, Answer> {
  readonly request: Request
  /** Sent as the header that containerd reads its namespace from; none when empty. */
  readonly namespace: string
  /** Without one it goes on until one side ends it. */
  readonly deadlineMs?: number
  readonly onAnswer: (answer: Answer) => void
}

export interface Call {
  /** Rejects with a GrpcFailure, also when nothing could be sent. */
  readonly ended: Promise<void>
  cancel(): void
}

/**
 * Connects when it is first asked, and again when it is asked after the connection was lost. Only calls of the methods
 * that it was given leave it.
 */
export class GrpcConnection<Path extends string> {
  readonly #socket: string
  readonly #maxAnswerBytes: number
  readonly #paths: ReadonlySet<string>
  /** All that are open. One that the server is leaving lasts as long as its calls, and a subscription may never end. */
  readonly #sessions = new Set<ClientHttp2Session>()
  #session: ClientHttp2Session | undefined
  #closed = false

  constructor(socket: string, maxAnswerBytes: number, methods: readonly { readonly path: Path }[]) {
    this.#socket = socket
    this.#maxAnswerBytes = maxAnswerBytes
    this.#paths = new Set(methods.map(({ path }) => path))
  }

  /** For a method with one answer. */
  async ask<Request, Answer>(
    method: Method<Request, Answer, Path>,
    options: Omit<CallOptions<Request, Answer>, 'onAnswer'>,
  ): Promise<Answer> {
    let answer: Answer | undefined
    const onAnswer = (value: Answer) => {
      answer = value
    }
    await this.call(method, { ...options, onAnswer }).ended
    if (answer === undefined) throw new GrpcFailure(grpcStatus.internal, 'it ended well without an answer')
    return answer
  }

  call<Request, Answer>(method: Method<Request, Answer, Path>, options: CallOptions<Request, Answer>): Call {
    const { request, namespace, deadlineMs, onAnswer } = options
    let stream: ClientHttp2Stream
    try {
      const message = Frames.of(method.requestSerialize(request))
      stream = this.#request(method.path, namespace, deadlineMs)
      stream.end(message)
    } catch (error) {
      return { ended: Promise.reject(failureOf(error)), cancel() {} }
    }
    const frames = new Frames(this.#maxAnswerBytes, bytes => onAnswer(method.responseDeserialize(bytes)))
    return { ended: endOf(stream, frames, deadlineMs), cancel: () => stream.close(constants.NGHTTP2_CANCEL) }
  }

  /** Ends every call under way, and refuses all that come: one that opened a session now would keep the process alive. */
  close(): void {
    this.#closed = true
    for (const session of this.#sessions) session.destroy()
  }

  #request(path: string, namespace: string, deadlineMs: number | undefined): ClientHttp2Stream {
    // A list for the compiler alone would not stop a path that was put together while running.
    if (!this.#paths.has(path))
      throw new GrpcFailure(grpcStatus.internal, `'${path}' is not a method that may be called`)
    if (this.#closed) throw new GrpcFailure(grpcStatus.cancelled, 'this end has closed the connection')
    return this.#open().request({
      ':method': 'POST',
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
      ...(deadlineMs !== undefined && { 'grpc-timeout': `${deadlineMs}m` }),
      ...(namespace !== '' && { 'containerd-namespace': namespace }),
    })
  }

  /** A session that the server is leaving takes no more calls; those under way end on it. */
  #open(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect('http://localhost', { createConnection: () => connectSocket(this.#socket) })
    // Every call under way is told, too; the next one connects anew.
    session.on('error', () => {})
    session.on('close', () => this.#sessions.delete(session))
    this.#sessions.add(session)
    this.#session = session
    return session
  }
}

function endOf(stream: ClientHttp2Stream, frames: Frames, deadlineMs: number | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (code: number, message: string, cause?: unknown) => {
    reject(new GrpcFailure(code, message, { cause }))
    stream.close(constants.NGHTTP2_CANCEL)
  }
  const late = () => fail(grpcStatus.deadlineExceeded, `no answer within ${deadlineMs} ms`)
  const timer = deadlineMs === undefined ? undefined : setTimeout(late, deadlineMs)
  let status: number | undefined
  let message = ''
  const take = (headers: Record<string, unknown>) => {
    if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status'])
    message = decoded(String(headers['grpc-message'] ?? ''))
  }
  stream.on('response', headers => {
    const http = headers[':status']
    if (http === 200) take(headers)
    else fail(grpcStatus.unavailable, `HTTP status ${http}`)
  })
  stream.on('trailers', take)
  stream.on('data', (chunk: Buffer) => {
    try {
      frames.take(chunk)
    } catch (error) {
      const { code, message } = failureOf(error)
      fail(code, message, error)
    }
  })
  stream.on('error', (error: Error) => {
    // What the kernel said of the socket is below what Node says of the stream.
    const said = error.cause instanceof Error ? error.cause.message : error.message
    fail(grpcStatus.unavailable, said, error)
  })
  stream.on('close', () => {
    clearTimeout(timer)
    if (status === grpcStatus.ok) resolve()
    else if (status !== undefined) reject(new GrpcFailure(status, message, { answered: true }))
    else fail(grpcStatus.unavailable, 'the connection was closed before the answer was whole')
  })
  return promise
}

/** What was thrown on this end is a fault of this end. */
function failureOf(error: unknown): GrpcFailure {
  if (error instanceof GrpcFailure) return error
  return new GrpcFailure(grpcStatus.internal, error instanceof Error ? error.message : String(error), { cause: error })
}

/** Percent-encoded UTF-8, by the protocol; what is not is shown as it came. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
