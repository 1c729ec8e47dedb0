import { Code, PulltraceError } from './errors.ts'

interface Waiter {
  readonly gone: () => boolean
  readonly go: () => void
  readonly skip: (error: PulltraceError) => void
}

/** Lets a few work at once; a few more wait, in order; whoever comes then is turned away. */
export class Turns {
  readonly #atOnce: number
  readonly #maxWaiting: number
  readonly #tooMany: () => PulltraceError
  #waiting: Waiter[] = []
  #working = 0

  constructor(atOnce: number, maxWaiting: number, tooMany: () => PulltraceError) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
    this.#tooMany = tooMany
  }

  /**
   * Rejects with `tooMany`, with nothing begun, when too many wait; with Code.Unavailable when `gone`, which is asked
   * when the turn comes, says that nobody wants the result any more.
   */
  async take<T>(work: () => Promise<T>, gone: () => boolean = () => false): Promise<T> {
    if (this.#working === this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) this.#skipGone()
      if (this.#waiting.length >= this.#maxWaiting) throw this.#tooMany()
      // Whoever ends hands its place over: the number of those who work stays.
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      this.#waiting.push({ gone, go: resolve, skip: reject })
      await promise
    } else this.#working++
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  #next(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!next.gone()) {
        next.go()
        return
      }
      next.skip(nobodyWaits())
    }
    this.#working--
  }

  #skipGone(): void {
    const gone = this.#waiting.filter(waiter => waiter.gone())
    this.#waiting = this.#waiting.filter(waiter => !gone.includes(waiter))
    for (const { skip } of gone) skip(nobodyWaits())
  }
}

const nobodyWaits = () => new PulltraceError(Code.Unavailable, 'who asked has gone')
