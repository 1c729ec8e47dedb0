import type { Clock } from './clock.ts'

/** A clock that never waits: sleeping moves time forward and is remembered. */
export class FakeClock implements Clock {
  readonly slept: number[] = []
  #now: number
  #setByMs = 0

  constructor(now = 0) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#setByMs
  }

  monotonic(): number {
    return this.#now
  }

  advance(ms: number): void {
    this.#now += ms
  }

  /** As an administrator or NTP does: the time of day jumps, what has passed does not. */
  set(byMs: number): void {
    this.#setByMs += byMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
    this.#now += ms
  }
}
