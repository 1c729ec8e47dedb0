import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of one connection that wait for the answers before theirs. Few clients send any, none of them more. */
export const maxPipelined = 16

/** What Node keeps for itself; where a version of it does not, less is seen of how an answer goes on. */
interface Inside {
  readonly _httpMessage?: ServerResponse | null
  /** `writeQueueSize`: bytes that the kernel has not taken yet. */
  readonly _handle?: { readonly writeQueueSize?: number } | null
  /** Under TLS: the connection itself, to whose queue all bytes of an answer go at once. */
  readonly _parent?: Inside | null
}

interface Look {
  readonly written: number
  readonly queued: number
  /** Since when it looks so. Monotonic ms. */
  readonly sinceMs: number
}

/**
 * Ends connections whose client asks and does not read: an answer is memory until it is taken. An event stream is left
 * alone, it holds back by itself.
 */
export class UnreadAnswers {
  readonly #stallMs: number
  readonly #looks = new WeakMap<Socket, Look>()

  constructor(stallMs: number) {
    this.#stallMs = stallMs
  }

  /** To be called again and again: destroys those of which nothing was taken for `stallMs`. */
  look(sockets: Iterable<Socket>, nowMs: number): void {
    for (const socket of sockets) {
      // Nothing waits: most connections, most of the time.
      if (socket.writableLength === 0) continue
      const { _httpMessage, _handle, _parent } = socket as unknown as Inside
      if (String(_httpMessage?.getHeader('content-type')).startsWith('text/event-stream')) continue
      const written = socket.bytesWritten - socket.writableLength
      const queued = (_parent?._handle ?? _handle)?.writeQueueSize ?? 0
      const last = this.#looks.get(socket)
      if (last === undefined || last.written !== written || last.queued !== queued) {
        this.#looks.set(socket, { written, queued, sinceMs: nowMs })
      } else if (nowMs - last.sinceMs >= this.#stallMs) socket.destroy()
    }
  }
}

/** Destroys a connection that has more than `maxPipelined` requests waiting for answers; the handler sees none of the rest. */
export function boundPipelined(handler: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, number>()
  return (request, response) => {
    // Only an answer that waits for others is not on its connection yet.
    if (response.socket === null) {
      const { socket } = request
      const before = waiting.get(socket) ?? 0
      if (socket.destroyed || before === maxPipelined) {
        socket.destroy()
        return
      }
      waiting.set(socket, before + 1)
      response.once('socket', () => waiting.set(socket, waiting.get(socket)! - 1))
    }
    handler(request, response)
  }
}
