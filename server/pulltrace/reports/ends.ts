import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { MergeContext } from '../../../core/pulls/merge.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import type { HistoryStore } from '../../store/store.ts'

export interface EndsParts {
  readonly history: Pick<HistoryStore, 'append' | 'endsOf' | 'get'>
  readonly clock: Clock
  readonly log: Logger
}

/** What a merge must know of pulls that are not live. */
export type Past = Pick<MergeContext, 'ends' | 'unknowns' | 'holdEnds'>

export const noPast: Past = { ends: new Map(), unknowns: new Map(), holdEnds: false }

/** Pulls in one write while the server stops. */
const storedAtOnce = 500
/** Whoever stops a server kills it after a while. Milliseconds. */
const storeLastWithinMs = 5000

/** How pulls ended, in the history: durable before anybody sees it. None of its calls fails: a history that is away holds ends back. */
export class Ends {
  readonly #history: EndsParts['history']
  readonly #clock: Clock
  readonly #log: Logger
  #failing = false

  constructor({ history, clock, log }: EndsParts) {
    this.#history = history
    this.#clock = clock
    this.#log = log
  }

  /** Whether the last call found the history away. */
  get failing(): boolean {
    return this.#failing
  }

  /** A history that cannot be read counts as one that cannot be written: ends wait, the rest goes on. */
  async lookUp(ids: readonly string[]): Promise<Past> {
    if (ids.length === 0) return noPast
    try {
      const ends = await this.#history.endsOf(ids)
      const unknowns = new Map<string, PullState>()
      for (const [id, phase] of ends) {
        const pull = phase === 'unknown' ? await this.#history.get(id) : undefined
        if (pull !== undefined) unknowns.set(id, pull)
      }
      return { ends, unknowns, holdEnds: false }
    } catch (error) {
      this.#tell(error)
      return { ...noPast, holdEnds: true }
    }
  }

  /** Resolves with false when they are not stored: they must not be acknowledged. */
  async store(ended: readonly PullState[]): Promise<boolean> {
    if (ended.length === 0) return true
    try {
      await this.#history.append(ended)
      this.#tell(undefined)
      return true
    } catch (error) {
      this.#tell(error)
      return false
    }
  }

  /** For a server that stops: as many as there is time for. */
  async storeLast(ended: readonly PullState[]): Promise<void> {
    const begunMs = this.#clock.monotonic()
    try {
      for (let from = 0; from < ended.length; from += storedAtOnce) {
        if (this.#clock.monotonic() - begunMs > storeLastWithinMs)
          throw new Error(`no time for more than ${from} of them`)
        await this.#history.append(ended.slice(from, from + storedAtOnce))
      }
    } catch (error) {
      this.#log.warn('pulls under way not stored', { pulls: ended.length, error })
    }
  }

  /** Said once when it breaks and once when it works again; every report would say it otherwise. */
  #tell(error: unknown): void {
    if (error !== undefined && !this.#failing) {
      this.#log.error('history cannot be written, ended pulls stay with the agents', { error })
    }
    if (error === undefined && this.#failing) this.#log.info('history is written again')
    this.#failing = error !== undefined
  }
}
