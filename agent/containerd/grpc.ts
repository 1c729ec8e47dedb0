import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { Frames } from './frames.ts'
import { GrpcFailure, grpcStatus } from './grpc-failure.ts'

/**
 * gRPC over one Unix socket, for a caller that only asks: one question, and one answer or many. grpc-js does this too,
 * with balancing, retries, interceptors and name resolution that a socket has no use for: a call through them costs
 * twice as much, and a look is made of calls (bench/agent.ts).
 */
export interface Method<Request, Answer> {
  readonly path: string
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
  /** Rejects with a GrpcFailure. */
  readonly ended: Promise<void>
  cancel(): void
}

/** Connects when it is first asked, and again when it is asked after the connection was lost. */
export class GrpcConnection {
  readonly #socket: string
  readonly #maxAnswerBytes: number
  #session: ClientHttp2Session | undefined

  constructor(socket: string, maxAnswerBytes: number) {
    this.#socket = socket
    this.#maxAnswerBytes = maxAnswerBytes
  }

  /** For a method with one answer. */
  async ask<Request, Answer>(
    method: Method<Request, Answer>,
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

  call<Request, Answer>(method: Method<Request, Answer>, options: CallOptions<Request, Answer>): Call {
    const { request, namespace, deadlineMs, onAnswer } = options
    const stream = this.#open().request({
      ':method': 'POST',
      ':path': method.path,
      te: 'trailers',
      'content-type': 'application/grpc',
      ...(deadlineMs !== undefined && { 'grpc-timeout': `${deadlineMs}m` }),
      ...(namespace !== '' && { 'containerd-namespace': namespace }),
    })
    stream.end(Frames.of(method.requestSerialize(request)))
    const frames = new Frames(this.#maxAnswerBytes, bytes => onAnswer(method.responseDeserialize(bytes)))
    return { ended: endOf(stream, frames, deadlineMs), cancel: () => stream.close(constants.NGHTTP2_CANCEL) }
  }

  close(): void {
    this.#session?.destroy()
  }

  /** A session that the server is leaving takes no more calls; those under way end on it. */
  #open(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect('http://localhost', { createConnection: () => connectSocket(this.#socket) })
    // Every call under way is told, too; the next one connects anew.
    session.on('error', () => {})
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
      const code = error instanceof GrpcFailure ? error.code : grpcStatus.internal
      fail(code, error instanceof Error ? error.message : String(error), error)
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
    else if (status !== undefined) reject(new GrpcFailure(status, message))
    else fail(grpcStatus.unavailable, 'the connection was closed before the answer was whole')
  })
  return promise
}

/** Percent-encoded UTF-8, by the protocol; what is not is shown as it came. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
