import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { Frames } from './frames.ts'

export interface Http2Server {
  /** Every session there was, the newest last. */
  readonly sessions: readonly ServerHttp2Session[]
  close(): Promise<void>
}

/** A server without a gRPC library, which would hide or prevent what a test wants to see. */
export async function openHttp2Server(
  socket: string,
  handle: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<Http2Server> {
  const sessions: ServerHttp2Session[] = []
  const server = createServer()
  server.on('session', session => sessions.push(session))
  server.on('stream', (stream, headers) => {
    // A client that resets a stream is what some tests are about.
    stream.on('error', () => {})
    handle(stream, headers)
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    sessions,
    close: async () => {
      for (const session of sessions) session.destroy()
      await new Promise(done => server.close(done))
    },
  }
}

export const begin = (stream: ServerHttp2Stream, more: Record<string, string> = {}): void =>
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...more }, { waitForTrailers: true })

/** Messages and the good end of a call, in as few pieces as HTTP/2 allows. */
export function answer(stream: ServerHttp2Stream, ...messages: readonly Uint8Array[]): void {
  begin(stream)
  finish(stream, ...messages)
}

/** After `begin`. */
export function finish(stream: ServerHttp2Stream, ...messages: readonly Uint8Array[]): void {
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.concat(messages.map(message => Frames.of(Buffer.from(message)))))
}
