import type { Clock } from './clock.ts'

interface Sleeper {
  readonly endsMs: number
  readonly wake: () => void
}

/** A clock that stands until it is moved: what sleeps wakes in order, each before the next. For what runs side by side. */
export class SteppedClock implements Clock {
  readonly slept: number[] = []
  readonly #sleepers = new Set<Sleeper>()
  readonly #asleep = new Set<() => void>()
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

  get sleeping(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => {
        this.#sleepers.delete(sleeper)
        reject(signal!.reason)
      }
      const wake = () => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const sleeper = { endsMs: this.#now + ms, wake }
      this.slept.push(ms)
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', abort, { once: true })
      for (const told of this.#asleep) told()
    })
  }

  /** Moves by `ms`, stopping at each sleeper so that what it does next is done at its own time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#now + ms
    for (;;) {
      const [first] = [...this.#sleepers].sort((a, b) => a.endsMs - b.endsMs)
      if (!first || first.endsMs > endMs) break
      this.#now = Math.max(this.#now, first.endsMs)
      first.wake()
      await new Promise(setImmediate)
    }
    this.#now = endMs
    await new Promise(setImmediate)
  }

  /** Resolves when at least `count` sleep. */
  async whenSleeping(count = 1): Promise<void> {
    while (this.#sleepers.size < count) {
      await new Promise<void>(resolve => {
        const told = () => {
          this.#asleep.delete(told)
          resolve()
        }
        this.#asleep.add(told)
      })
    }
  }
}
