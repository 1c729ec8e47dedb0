import { type EventEmitter, once } from 'node:events'

/** What one blob, or all of them together, may send. Can change at any time, also while bytes wait. */
export interface Flow {
  /** Bytes a second; undefined: as fast as it goes. */
  limit(bytesPerSec: number | undefined): void
  /** Nothing more goes out until release or resume. */
  pause(): void
  /** Lets exactly this many more bytes out, at once, and holds the rest back. */
  release(bytes: number): void
  resume(): void
}

/** Bytes handed on at a time under a limit: small enough for a smooth rate, 64 pieces a second at 1 MiB/s. */
const piece = 16 * 1024

export class FlowGate implements Flow {
  readonly #changes: EventEmitter
  #bytesPerSec: number | undefined
  /** Bytes that may still go out; Infinity when nothing is held back. */
  #budget = Number.POSITIVE_INFINITY
  /** Monotonic ms before which nothing goes, so that the rate holds over all pieces. */
  #nextAt = 0

  /** `changes` is shared: whoever waits looks again when any rule changed. */
  constructor(changes: EventEmitter) {
    this.#changes = changes
  }

  limit(bytesPerSec: number | undefined): void {
    this.#bytesPerSec = bytesPerSec
    this.#nextAt = 0
    this.#changes.emit('change')
  }

  pause(): void {
    this.#budget = 0
    this.#changes.emit('change')
  }

  release(bytes: number): void {
    this.#budget = (Number.isFinite(this.#budget) ? this.#budget : 0) + bytes
    this.#changes.emit('change')
  }

  resume(): void {
    this.#budget = Number.POSITIVE_INFINITY
    this.#changes.emit('change')
  }

  /** How many of `bytes` may go now (0: none), and when to ask again at the latest. */
  ask(bytes: number, now: number): { bytes: number; waitMs: number } {
    const waitMs = this.#nextAt - now
    if (this.#budget === 0) return { bytes: 0, waitMs: Number.POSITIVE_INFINITY }
    if (waitMs > 0) return { bytes: 0, waitMs }
    return { bytes: Math.min(bytes, this.#budget, this.#bytesPerSec === undefined ? bytes : piece), waitMs: 0 }
  }

  take(bytes: number, now: number): void {
    this.#budget -= bytes
    if (this.#bytesPerSec !== undefined) {
      this.#nextAt = Math.max(this.#nextAt, now) + (bytes / this.#bytesPerSec) * 1000
    }
  }
}

/** Waits until every gate lets something through; returns how many of `bytes` may go, already taken from each. */
export async function pass(gates: readonly FlowGate[], changes: EventEmitter, bytes: number, stop: AbortSignal) {
  for (;;) {
    stop.throwIfAborted()
    const now = performance.now()
    const answers = gates.map(gate => gate.ask(bytes, now))
    const allowed = Math.min(...answers.map(answer => answer.bytes))
    if (allowed > 0) {
      for (const gate of gates) gate.take(allowed, now)
      return allowed
    }
    await changeOrTimeout(changes, Math.max(...answers.map(answer => answer.waitMs)), stop)
  }
}

async function changeOrTimeout(changes: EventEmitter, waitMs: number, stop: AbortSignal): Promise<void> {
  const looked = new AbortController()
  const signal = AbortSignal.any([stop, looked.signal])
  const timer = Number.isFinite(waitMs) ? setTimeout(() => looked.abort(), Math.ceil(waitMs)) : undefined
  try {
    await once(changes, 'change', { signal })
  } catch {
    // Aborted: the time has come, or the request ended; the caller looks which.
  } finally {
    clearTimeout(timer)
  }
}
