import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

/** Smaller ones are not counted: the buffers of the kernel take them at once. */
const smallBytes = 64 * 1024

/** Bounds what answers hold in memory together until their clients have taken them. Unit: bytes. */
export class AnswerBudget {
  readonly #maxBytes: number
  readonly #held = new Map<Socket, number>()
  #heldBytes = 0

  /** An answer that is larger than `maxBytes` goes out alone. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * Makes the text of an answer and holds it until it is out or its connection is gone. Throws Code.Unavailable, with the
   * answer taken back, where that is too much. What is written otherwise, as a stream, is not looked at.
   */
  hold(ctx: Context): void {
    const { body } = ctx
    if (ctx.respond === false || ctx.method === 'HEAD' || body === null || body === undefined) return
    if (Object.getPrototypeOf(body) === Object.prototype) ctx.body = JSON.stringify(body)
    else if (typeof body !== 'string') return
    const bytes = ctx.length ?? 0
    if (bytes < smallBytes) return
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#maxBytes) {
      for (const header of ['Content-Type', 'Content-Length', 'ETag']) ctx.remove(header)
      throw tooMany()
    }
    this.#take(ctx.req.socket, ctx.res, bytes)
  }

  #take(socket: Socket, response: ServerResponse, bytes: number): void {
    // Nobody would say when it is gone.
    if (socket.destroyed) return
    // An answer that waits for others of its connection is not told that this is gone: the connection is asked.
    if (!this.#held.has(socket)) {
      socket.once('close', () => {
        this.#heldBytes -= this.#held.get(socket) ?? 0
        this.#held.delete(socket)
      })
    }
    this.#add(socket, bytes)
    response.once('close', () => {
      if (this.#held.has(socket)) this.#add(socket, -bytes)
    })
  }

  #add(socket: Socket, bytes: number): void {
    this.#heldBytes += bytes
    this.#held.set(socket, (this.#held.get(socket) ?? 0) + bytes)
  }
}

const tooMany = () =>
  new PulltraceError(Code.Unavailable, 'too many large answers are under way', {
    fix: 'ask again in a few seconds, or for a smaller `limit`',
    // Spread, as all that are refused come back.
    retryAfterSeconds: 2 + 3 * Math.random(),
  })
