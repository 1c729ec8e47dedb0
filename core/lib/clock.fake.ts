import type { Clock } from './clock.ts'

/** A clock that never waits: sleeping moves time forward and is remembered. */
export class FakeClock implements Clock {
  readonly slept: number[] = []
  #now: number

  constructor(now = 0) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  advance(ms: number): void {
    this.#now += ms
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
    this.#now += ms
  }
}
