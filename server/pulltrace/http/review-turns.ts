import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

export interface TurnLimits {
  readonly maxAtOnce: number
  readonly perSecond: number
  /** How many may go before `perSecond` holds, after a quiet time. */
  readonly burst: number
  readonly maxWaiting: number
}

interface Waiter {
  readonly go: () => void
  readonly refuse: (error: PulltraceError) => void
}

/**
 * Lets questions through a few at a time and so many a second. Who waits is taken in turns by where they come from,
 * and when there are too many, whoever has most of them waiting loses one: a flood from one address delays itself,
 * and next to nobody else.
 */
export class ReviewTurns {
  readonly #limits: TurnLimits
  readonly #clock: Clock
  /** By source; whose turn is next is first. None is empty. */
  readonly #waiting = new Map<string, Waiter[]>()
  #waiters = 0
  #running = 0
  #allowed: number
  #countedMs: number
  #sleeps = false

  constructor(limits: TurnLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#allowed = limits.burst
    this.#countedMs = clock.monotonic()
  }

  /** Rejects as Unavailable, with nothing asked, who would wait too long. Asks at once when it can. */
  async run<T>(from: string, question: () => Promise<T>): Promise<T> {
    if (this.#waiters > 0 || !this.#admit()) await this.#turn(from)
    try {
      return await question()
    } finally {
      this.#running--
      this.#next()
    }
  }

  #admit(): boolean {
    const { maxAtOnce, perSecond, burst } = this.#limits
    if (this.#running >= maxAtOnce) return false
    const nowMs = this.#clock.monotonic()
    this.#allowed = Math.min(burst, this.#allowed + ((nowMs - this.#countedMs) * perSecond) / 1000)
    this.#countedMs = nowMs
    if (this.#allowed < 1) return false
    this.#allowed--
    this.#running++
    return true
  }

  #turn(from: string): Promise<void> {
    if (this.#waiters >= this.#limits.maxWaiting) this.#makeRoom(from)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { go: resolve, refuse: reject }
    const others = this.#waiting.get(from)
    if (others === undefined) this.#waiting.set(from, [waiter])
    else others.push(waiter)
    this.#waiters++
    this.#next()
    return promise
  }

  /** Throws when no other has more waiting than `from` would have. */
  #makeRoom(from: string): void {
    const own = this.#waiting.get(from)?.length ?? 0
    let most: Waiter[] = []
    for (const waiters of this.#waiting.values()) if (waiters.length > most.length) most = waiters
    const error = tooMany(this.#waiters)
    // With the newcomer, `from` has as many.
    if (most.length <= own + 1) throw error
    most.pop()!.refuse(error)
    this.#waiters--
  }

  #next(): void {
    while (this.#waiters > 0 && this.#admit()) {
      const [from, waiters] = this.#waiting.entries().next().value!
      const waiter = waiters.shift()!
      this.#waiting.delete(from)
      if (waiters.length > 0) this.#waiting.set(from, waiters)
      this.#waiters--
      waiter.go()
    }
    // When all that may run do, the one that ends calls again.
    if (this.#waiters > 0 && this.#running < this.#limits.maxAtOnce) this.#nextLater()
  }

  #nextLater(): void {
    if (this.#sleeps) return
    this.#sleeps = true
    const waitMs = Math.max(1, ((1 - this.#allowed) * 1000) / this.#limits.perSecond)
    void this.#clock.sleep(waitMs).then(() => {
      this.#sleeps = false
      this.#next()
    })
  }
}

const tooMany = (waiting: number) =>
  new PulltraceError(Code.Unavailable, `${waiting} callers wait to be recognised`, {
    fix: 'try again; who is known already waits for nobody',
    // Spread, as all that are refused come back.
    retryAfterSeconds: 1 + 3 * Math.random(),
  })
