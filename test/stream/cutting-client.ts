import http, { type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { parseEventId } from '../../server/pulltrace/events/event-id.ts'
import { StreamView } from '../../server/pulltrace/events/stream-view.fake.ts'

/** What a client saw of one life of the server. */
export interface SeenLife {
  /** Of `performance.now()`: when the first `synced` of this life had come. */
  readonly syncedMs: number
  /** When the newest event that it has was sent by the server; all that was sent before has come before. Likewise. */
  newestMs: number
  readonly starts: Map<string, number>
  readonly ends: Map<string, number>
}

/** A client of the real stream whose connection breaks after any byte, and that comes back with its last id. */
export class CuttingClient {
  readonly query: string
  readonly view = new StreamView()
  readonly lives = new Map<string, SeenLife>()
  cuts = 0
  /** Streams that the server ended as an answer ends, and those that broke off. */
  ended = 0
  broken = 0
  /** `left:true` that came on a connection that had resumed. */
  leftOnResume = 0
  readonly #url: string
  readonly #maxBytes: number
  readonly #stop = new AbortController()
  #cutting = true
  #read = 0

  /** A connection carries at most `maxBytes`: more than a whole state, or the client would never have one. */
  constructor(serverUrl: string, query: string, maxBytes: number) {
    this.query = query
    this.#maxBytes = maxBytes
    this.#url = `${serverUrl}/api/v1/events${query}`
  }

  /** Follows the stream until `stop`; while it may cut, every connection ends after a few bytes or many. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // No server: it was killed, and comes again.
      await this.#connect().catch(reason => {
        if (!(reason instanceof Error && 'code' in reason)) throw reason
      })
      // Sometimes at once, sometimes later than the next flush: events go by while nobody listens.
      await delay(Math.random() < 0.5 ? 0 : Math.random() * 200)
    }
  }

  /** From now on connections last. */
  settle(): void {
    this.#cutting = false
  }

  stop(): void {
    this.#stop.abort()
  }

  async #connect(): Promise<void> {
    const { lastEventId } = this.view
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    http.get(this.#url, { headers, agent: false, signal: this.#stop.signal }, resolve).on('error', reject)
    const response = await promise
    if (response.statusCode !== 200) throw new Error(`the stream answered ${response.statusCode}`)
    this.view.connect()
    // From inside the first event of a replay to many flushes later.
    let budget = 1 + Math.floor(Math.random() ** 3 * this.#maxBytes)
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        const bytes = this.#cutting ? chunk.subarray(0, budget) : chunk
        this.#take(bytes, lastEventId !== undefined)
        budget -= bytes.length
        if (this.#cutting && budget <= 0) {
          this.cuts++
          return
        }
      }
      this.ended++
    } catch (error) {
      this.broken++
      throw error
    } finally {
      response.destroy()
    }
  }

  #take(bytes: Uint8Array, resumed: boolean): void {
    const { view } = this
    view.feed(bytes)
    const epoch = view.lastEventId === undefined ? undefined : parseEventId(view.lastEventId)?.epoch
    if (epoch !== undefined && view.syncedSeq !== undefined && !this.lives.has(epoch)) {
      this.lives.set(epoch, { syncedMs: performance.now(), newestMs: 0, starts: new Map(), ends: new Map() })
    }
    const life = epoch === undefined ? undefined : this.lives.get(epoch)
    for (const { seq, event } of view.log.slice(this.#read)) {
      if (event.left && resumed) this.leftOnResume++
      if (life === undefined) continue
      count(life, event)
      if (seq !== undefined) life.newestMs = Date.parse(event.timestamp) - performance.timeOrigin
    }
    this.#read = view.log.length
  }
}

function count({ starts, ends }: SeenLife, { type, pull: { id } }: PullEvent): void {
  if (type === 'pull.started') starts.set(id, (starts.get(id) ?? 0) + 1)
  if (type === 'pull.completed' || type === 'pull.failed') ends.set(id, (ends.get(id) ?? 0) + 1)
}
