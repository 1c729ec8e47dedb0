import assert from 'node:assert/strict'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { Pull } from '../../../core/contract/pull.ts'
import type { PullEvent } from '../../../core/contract/pull-event.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import { parseEventId } from './event-id.ts'

/** A client as its author would write it, which also checks what every client is promised. */
export class StreamView {
  readonly pulls = new Map<string, Pull>()
  /** Numbers of the events seen in this epoch. */
  readonly seen = new Set<number>()
  /** Everything in order, for tests that look closely. */
  readonly log: { readonly seq: number | undefined; readonly event: PullEvent }[] = []
  lastEventId: string | undefined
  /** The number of the newest `synced`: every start and end after it must be seen. */
  syncedSeq: number | undefined
  resets = 0
  comments = 0
  #epoch = ''
  #lastSeq = -1
  /** Pulls heard of since the state began. */
  readonly #mentioned = new Set<string>()
  #decoder = new TextDecoder()
  #parser = this.#newParser()

  /** A new connection: half an event of the last one is forgotten, as browsers do. */
  connect(): void {
    this.#decoder = new TextDecoder()
    this.#parser = this.#newParser()
    if (this.lastEventId === undefined) this.#clear()
  }

  feed(bytes: Uint8Array): void {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }))
  }

  #newParser() {
    return createParser({
      onEvent: message => this.#take(message),
      onComment: () => {
        this.comments++
      },
      onError: error => {
        throw error
      },
    })
  }

  #clear(): void {
    this.pulls.clear()
    this.#mentioned.clear()
    this.syncedSeq = undefined
  }

  #take(message: EventSourceMessage): void {
    const seq = message.id === undefined ? undefined : this.#number(message.id)
    if (message.event === 'reset') {
      assert.equal(message.data, '{}')
      assert.equal(seq, undefined)
      this.resets++
      this.#clear()
    } else if (message.event === 'synced') {
      assert.equal(message.data, '{}')
      this.syncedSeq = seq
    } else {
      assert.equal(message.event, undefined)
      this.#apply(JSON.parse(message.data) as PullEvent, seq)
    }
  }

  #apply(event: PullEvent, seq: number | undefined): void {
    const { id, phase } = event.pull
    this.log.push({ seq, event })
    if (seq === undefined) assert.ok(event.type === 'pull.progress', 'only the first state comes without ids')
    else this.seen.add(seq)
    if (event.type === 'pull.started') assert.ok(!this.#mentioned.has(id), `the start of ${id} comes first`)
    this.#mentioned.add(id)
    for (const replaced of event.pull.replaces ?? []) this.pulls.delete(replaced)
    const ends = event.type === 'pull.completed' || event.type === 'pull.failed' || isTerminal(phase)
    if (event.left || (ends && event.type !== 'pull.started')) this.pulls.delete(id)
    else this.pulls.set(id, event.pull)
  }

  #number(id: string): number {
    const parsed = parseEventId(id)
    assert.ok(parsed, `'${id}' is an id`)
    if (parsed.epoch !== this.#epoch) {
      this.#epoch = parsed.epoch
      this.#lastSeq = -1
      this.seen.clear()
    }
    assert.ok(parsed.seq > this.#lastSeq, `${id} rises above ${this.#lastSeq}`)
    this.#lastSeq = parsed.seq
    this.lastEventId = id
    return parsed.seq
  }
}
