import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { SinkListener, StreamSink } from './stream-sink.ts'
import type { StreamRequest, Streams } from './streams.ts'

const headers = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache',
  // nginx would hold events back until its buffer is full.
  'X-Accel-Buffering': 'no',
  // Without a length and without chunks the body lasts until the connection ends (RFC 9112 section 6.3):
  // the bytes of an event are the same for every client and need no frame of their own.
  Connection: 'close',
}

/**
 * Answers a request with the stream, for as long as the client stays. Headers that are set
 * already are kept. Throws before anything is written when the server is stopping.
 */
export function openHttpStream(streams: Streams, response: ServerResponse, request: StreamRequest): void {
  streams.throwIfClosed()
  response.statusCode = 200
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.removeHeader('Content-Length')
  response.removeHeader('Transfer-Encoding')
  response.flushHeaders()
  if (response.req.method === 'HEAD') {
    response.end()
    return
  }
  const begin = () => listenTo(response, streams.open(httpSink(response), request))
  if (response.socket !== null) {
    begin()
    return
  }
  // A pipelined request waits for the answers before it. Should the connection end first, nothing tells its response:
  // a stream that had begun would stay for ever. The headers go out before the next tick.
  response.once('socket', () =>
    process.nextTick(() => (streams.closed || response.destroyed ? response.destroy() : begin())),
  )
}

export function listenTo(response: ServerResponse, listener: SinkListener): void {
  bodyOf(response).on('drain', () => listener.drained())
  response.on('close', () => listener.closed())
}

/** After the headers the body is the rest of the connection, and can be written to the socket as it is. */
const bodyOf = (response: ServerResponse): Writable => response.socket ?? response

export function httpSink(response: ServerResponse): StreamSink {
  const body = bodyOf(response)
  return {
    write: bytes => body.write(bytes),
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  }
}
