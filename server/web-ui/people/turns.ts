import { Code, PulltraceError } from '../../../core/lib/errors.ts'

/** Lets a few work at once; a few more wait, in order; whoever comes then is turned away. */
export class Turns {
  readonly #atOnce: number
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #working = 0

  constructor(atOnce: number, maxWaiting: number) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
  }

  /** @throws Code.Unavailable when too many wait. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working === this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new PulltraceError(Code.Unavailable, 'too many people are signing in at this moment', {
          fix: 'try again in a few seconds',
          retryAfterSeconds: 5,
        })
      }
      // Whoever ends hands its place over: the number of those who work stays.
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    } else this.#working++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#working--
      else next()
    }
  }
}
