import type { ServerResponse } from 'node:http'
import type { Change, ObjectHistory } from './object-history.fake.ts'
import type { KubeObject } from './objects.ts'

export interface WatchRequest {
  readonly kind: string
  readonly kindName: string
  readonly apiVersion: string
  readonly version: number
  readonly isAskedFor: (object: KubeObject) => boolean
  readonly response: ServerResponse
}

/** Parts that the bytes of an event are written in, one after another. */
export type Cut = (bytes: Buffer) => readonly Buffer[]

/** The open watches of a stand-in, and what can go wrong with them. */
export class Watches {
  /** Events are written as these parts: a network cuts anywhere. */
  cut: Cut = bytes => [bytes]
  /** While true nothing is written, and connections stay as they are. */
  silent = false
  readonly #history: ObjectHistory
  readonly #open = new Map<ServerResponse, { readonly request: WatchRequest; readonly stop: () => void }>()

  constructor(history: ObjectHistory) {
    this.#history = history
  }

  get size(): number {
    return this.#open.size
  }

  open(request: WatchRequest): void {
    const { response, kind, version } = request
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const tell = (change: Change) => {
      if (change.kind === kind && change.version > version) this.#tell(request, change)
    }
    for (const change of this.#history.changes) tell(change)
    const stop = this.#history.onChange(tell)
    this.#open.set(response, { request, stop })
    response.on('close', () => this.#forget(response))
  }

  /** To all watches: nothing has changed up to now. */
  bookmark(): void {
    for (const { request } of this.#open.values()) {
      const { apiVersion, kindName: kind } = request
      const object = { apiVersion, kind, metadata: { resourceVersion: String(this.#history.version) } }
      this.#write(request.response, { type: 'BOOKMARK', object })
    }
  }

  /** What no event holds, such as an ERROR, or no line at all. */
  send(line: unknown): void {
    for (const response of this.#open.keys()) {
      if (typeof line === 'string') response.write(line)
      else this.#write(response, line)
    }
  }

  /** As the server does when the time asked for is over. */
  end(): void {
    for (const response of this.#forgetAll()) response.end()
  }

  /** As a network does. `after`: some bytes of an event that is never finished. */
  reset(after = ''): void {
    for (const response of this.#forgetAll()) {
      if (after === '') response.destroy()
      else response.write(after, () => response.destroy())
    }
  }

  /** Before they are closed, as nothing can be written to them any more. */
  #forgetAll(): ServerResponse[] {
    const responses = [...this.#open.keys()]
    for (const response of responses) this.#forget(response)
    return responses
  }

  #forget(response: ServerResponse): void {
    this.#open.get(response)?.stop()
    this.#open.delete(response)
  }

  #tell({ isAskedFor, response }: WatchRequest, { before, now, deleted }: Change): void {
    const was = before !== undefined && isAskedFor(before)
    const is = !deleted && isAskedFor(now)
    if (is) this.#write(response, { type: was ? 'MODIFIED' : 'ADDED', object: now })
    else if (was) this.#write(response, { type: 'DELETED', object: now })
  }

  #write(response: ServerResponse, event: unknown): void {
    if (this.silent) return
    for (const part of this.cut(Buffer.from(`${JSON.stringify(event)}\n`))) response.write(part)
  }
}
