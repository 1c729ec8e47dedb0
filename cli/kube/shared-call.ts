/** One call that several wait for. Who gives up leaves the others waiting; the call ends early when the last one has. */
export class SharedCall<T> {
  readonly #stop = new AbortController()
  readonly #result: Promise<T>
  #settled = false
  #waiting = 0

  constructor(call: (signal: AbortSignal) => Promise<T>) {
    this.#result = call(this.#stop.signal).finally(() => {
      this.#settled = true
    })
    this.#result.catch(() => {})
  }

  /** Nobody waited any more: there is no result. */
  get givenUp(): boolean {
    return this.#stop.signal.aborted
  }

  async wait(signal: AbortSignal): Promise<T> {
    const aborted = Promise.withResolvers<never>()
    const abort = () => aborted.reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    this.#waiting++
    try {
      return await Promise.race([this.#result, aborted.promise])
    } finally {
      signal.removeEventListener('abort', abort)
      if (--this.#waiting === 0 && !this.#settled) this.#stop.abort()
    }
  }
}
