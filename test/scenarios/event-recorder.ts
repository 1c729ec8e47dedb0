import type { EventEmitter } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { PullEvent } from '../../core/contract/pull-event.ts'

export interface SeenEvent {
  /** When it came. Epoch ms. */
  readonly atMs: number
  readonly id: string | undefined
  /** `reset` and `synced`; undefined for a pull's event. */
  readonly name: string | undefined
  readonly event: PullEvent | undefined
}

export interface EventRecorder {
  readonly events: readonly SeenEvent[]
  stop(): void
}

/**
 * Keeps every event of a server, over all its lives. Knows nothing but the standard: after a cut it comes back with
 * the last id, as a browser would. Emits 'change' on `changes` after each event. `authorization` is sent as that header.
 */
export function recordEvents(url: string, changes: EventEmitter, authorization?: string): EventRecorder {
  const events: SeenEvent[] = []
  const stop = new AbortController()
  let lastId: string | undefined

  const keep = ({ id, event: name, data }: EventSourceMessage) => {
    if (id !== undefined) lastId = id
    const event = name === undefined ? (JSON.parse(data) as PullEvent) : undefined
    events.push({ atMs: Date.now(), id, name, event })
    changes.emit('change')
  }
  const connect = async () => {
    const headers = {
      accept: 'text/event-stream',
      ...(authorization !== undefined && { authorization }),
      ...(lastId !== undefined && { 'last-event-id': lastId }),
    }
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    http.get(url, { headers, signal: stop.signal }, resolve).on('error', reject)
    const response = await promise
    if (response.statusCode !== 200) throw new Error(`${url} must answer 200, got ${response.statusCode}`)
    const parser = createParser({ onEvent: keep })
    response.setEncoding('utf8')
    for await (const text of response) parser.feed(text)
  }
  const follow = async () => {
    while (!stop.signal.aborted) {
      // A server that is down is part of what the scenarios show.
      await connect().catch(() => {})
      await delay(100, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  void follow()
  return { events, stop: () => stop.abort() }
}
