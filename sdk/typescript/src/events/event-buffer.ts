import type { Metadata } from '../options/metadata.ts'

export interface BufferedEvent {
  readonly id: string
  /** As it goes over the wire. */
  readonly bytes: Uint8Array
  /** Of the sensor when the rule matched; events that share it go in one request. */
  readonly shared: Metadata
}

export interface BufferLimits {
  readonly maxEvents: number
  readonly maxBytes: number
}

/** Events in the order in which they happened, within both limits always. */
export class EventBuffer {
  readonly #limits: BufferLimits
  #events: BufferedEvent[] = []
  /** Those before it are gone: taking from the front of an array would move all the others. */
  #first = 0
  #bytes = 0

  constructor(limits: BufferLimits) {
    this.#limits = limits
  }

  get events(): number {
    return this.#events.length - this.#first
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether not even an empty event fits. */
  get full(): boolean {
    return this.events >= this.#limits.maxEvents || this.#bytes >= this.#limits.maxBytes
  }

  /** False, and nothing changes, when the event does not fit. */
  offer(event: BufferedEvent): boolean {
    const fits = this.events < this.#limits.maxEvents && this.#bytes + event.bytes.byteLength <= this.#limits.maxBytes
    if (!fits) return false
    this.#events.push(event)
    this.#bytes += event.bytes.byteLength
    return true
  }

  peek(index = 0): BufferedEvent | undefined {
    return this.#events[this.#first + index]
  }

  /** The oldest `count`. */
  take(count: number): BufferedEvent[] {
    const taken = this.#events.slice(this.#first, this.#first + count)
    this.#first += taken.length
    if (this.#first > 1_000 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    } else {
      // What was sent must not be held by its old place.
      for (let index = this.#first - taken.length; index < this.#first; index++) this.#events[index] = gone
    }
    for (const { bytes } of taken) this.#bytes -= bytes.byteLength
    return taken
  }

  /** Puts events back in front of the others; what no longer fits goes, oldest first. Returns how many went. */
  putBack(events: readonly BufferedEvent[]): number {
    if (events.length === 0) return 0
    this.#events = [...events, ...this.#events.slice(this.#first)]
    this.#first = 0
    for (const { bytes } of events) this.#bytes += bytes.byteLength
    const before = this.events
    while (this.events > this.#limits.maxEvents || this.#bytes > this.#limits.maxBytes) this.take(1)
    return before - this.events
  }

  /** Empties it; returns how many there were. */
  clear(): number {
    return this.take(this.events).length
  }
}

const gone: BufferedEvent = { id: '', bytes: new Uint8Array(), shared: {} }
