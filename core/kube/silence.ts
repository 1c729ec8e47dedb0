import type { Clock } from '../lib/clock.ts'

/** Ends what has not been heard for too long: a connection that something in between has forgotten says nothing at all. */
export class Silence {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #broken = new AbortController()
  readonly #stopped = new AbortController()
  #heardMs = 0

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock
    this.#limitMs = limitMs
  }

  /** Aborts when the limit is over. */
  get signal(): AbortSignal {
    return this.#broken.signal
  }

  get broken(): boolean {
    return this.#broken.signal.aborted
  }

  heard(): void {
    this.#heardMs = this.#clock.monotonic()
  }

  start(): void {
    this.heard()
    void this.#wait()
  }

  stop(): void {
    this.#stopped.abort()
  }

  /** One timer for all that is heard: a busy watch would set thousands a second. */
  async #wait(): Promise<void> {
    try {
      for (;;) {
        const leftMs = this.#heardMs + this.#limitMs - this.#clock.monotonic()
        if (leftMs <= 0) return this.#broken.abort()
        await this.#clock.sleep(leftMs, this.#stopped.signal)
      }
    } catch {
      // Stopped: nothing is waited for any more.
    }
  }
}
