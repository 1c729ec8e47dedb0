import type { Clock } from '../lib/clock.ts'
import { systemClock } from '../lib/clock.ts'
import { DelayedKeys } from './delayed-keys.ts'
import type { QueueMetrics } from './metrics.ts'
import { RateLimiter } from './rate-limiter.ts'

/** The reason of an abort after which nothing may be finished first, as somebody else may be acting already. */
export class StopNow extends Error {
  override readonly name = 'StopNow'
}

export interface WorkQueueOptions {
  readonly clock?: Clock
  readonly metrics?: QueueMetrics | undefined
  /** A worker threw; its key comes again by the rate limit. */
  readonly failed?: (key: string, error: unknown) => void
  /** The longest wait between two tries of one key. client-go's: 1000 s. */
  readonly longestMs?: number
}

export interface RunOptions {
  readonly workers: number
  readonly signal: AbortSignal
  /** After the signal, work under way may take so long before its own signal aborts too. */
  readonly drainMs?: number
}

/**
 * Keys to be worked on, as client-go has it: a key that is added many times is worked on once, never by two at a
 * time, and once more if it was added while it was worked on.
 */
export class WorkQueue {
  readonly #clock: Clock
  readonly #metrics: QueueMetrics | undefined
  readonly #failed: (key: string, error: unknown) => void
  readonly #limiter: RateLimiter
  readonly #delayed: DelayedKeys
  /** In order, with when each was added. */
  readonly #waiting = new Map<string, number>()
  /** With when each began, and whether it was added again since. */
  readonly #working = new Map<string, { readonly sinceMs: number; again: boolean }>()
  #woken = Promise.withResolvers<void>()
  #running = false

  constructor({ clock = systemClock, metrics, failed = () => {}, longestMs }: WorkQueueOptions = {}) {
    this.#clock = clock
    this.#metrics = metrics
    this.#failed = failed
    this.#limiter = new RateLimiter(clock, longestMs)
    this.#delayed = new DelayedKeys(clock, key => this.add(key))
    metrics?.observe(() => ({ depth: this.#waiting.size, workingMs: this.#workingMs() }))
  }

  /** Keys that wait for a worker now. */
  get depth(): number {
    return this.#waiting.size
  }

  add(key: string): void {
    const working = this.#working.get(key)
    if (this.#waiting.has(key) || working?.again) return
    this.#metrics?.added()
    if (working) {
      working.again = true
      return
    }
    this.#waiting.set(key, this.#clock.monotonic())
    this.#wake()
  }

  /** Of several delays of one key the first to end counts, and it is added once. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) this.add(key)
    else this.#delayed.add(key, ms)
  }

  /** After a failure: 5 ms for a key's first, doubled each time; and of all keys, after 100 at once, 10 a second. */
  addRateLimited(key: string): void {
    this.#metrics?.retried()
    this.addAfter(key, this.#limiter.waitMs(key))
  }

  /** The key has worked: its next failure is a first one. */
  forget(key: string): void {
    this.#limiter.forget(key)
  }

  /** How often the key has failed in a row. */
  failures(key: string): number {
    return this.#limiter.failures(key)
  }

  /**
   * Until the signal aborts. What is under way then may finish, within `drainMs`, unless the signal's reason is a
   * StopNow; what waits stays for the next run, if there is one.
   */
  async run(
    worker: (key: string, signal: AbortSignal) => Promise<void>,
    { workers, signal, drainMs = 20_000 }: RunOptions,
  ): Promise<void> {
    if (this.#running) throw new Error('the work queue runs already')
    if (signal.aborted) return
    this.#running = true
    const work = new AbortController()
    const drained = new AbortController()
    const stop = () => {
      this.#wake()
      const abort = () => work.abort(signal.reason)
      if (signal.reason instanceof StopNow) abort()
      else this.#clock.sleep(drainMs, drained.signal).then(abort, () => {})
    }
    signal.addEventListener('abort', stop, { once: true })
    const delays = this.#delayed.run(signal)
    await Promise.all(Array.from({ length: workers }, () => this.#work(worker, signal, work.signal)))
    drained.abort()
    await delays
    this.#running = false
  }

  async #work(
    worker: (key: string, signal: AbortSignal) => Promise<void>,
    stop: AbortSignal,
    signal: AbortSignal,
  ): Promise<void> {
    while (!stop.aborted) {
      const key = this.#take()
      if (key === undefined) {
        await this.#woken.promise
        continue
      }
      try {
        await worker(key, signal)
      } catch (error) {
        this.#failed(key, error)
        this.addRateLimited(key)
      } finally {
        this.#finish(key)
      }
    }
  }

  /** All workers, as more than one key may have come. */
  #wake(): void {
    const woken = this.#woken
    this.#woken = Promise.withResolvers<void>()
    woken.resolve()
  }

  #take(): string | undefined {
    const first = this.#waiting.entries().next()
    if (first.done) return undefined
    const [key, addedMs] = first.value
    this.#waiting.delete(key)
    const sinceMs = this.#clock.monotonic()
    this.#working.set(key, { sinceMs, again: false })
    this.#metrics?.taken((sinceMs - addedMs) / 1000)
    return key
  }

  #finish(key: string): void {
    const working = this.#working.get(key)!
    this.#working.delete(key)
    const nowMs = this.#clock.monotonic()
    this.#metrics?.worked((nowMs - working.sinceMs) / 1000)
    if (!working.again) return
    this.#waiting.set(key, nowMs)
    this.#wake()
  }

  #workingMs(): number[] {
    const nowMs = this.#clock.monotonic()
    return [...this.#working.values()].map(({ sinceMs }) => nowMs - sinceMs)
  }
}
