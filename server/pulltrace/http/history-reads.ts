import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { Turns } from '../../../core/lib/turns.ts'
import type { HistoryStore } from '../../store/store.ts'

/** What readers ask of the history. */
export type ReadHistory = Pick<HistoryStore, 'search' | 'summarize' | 'summarizeTime' | 'get'>

/** One thread has the disk: ends that are stored wait for no more reads than run. */
const readsAtOnce = 2
const maxWaiting = 64

/** The way of API and pages to the history: a few reads at a time, whatever many readers ask for at once. */
export class HistoryReads {
  readonly #history: ReadHistory
  readonly #turns = new Turns(readsAtOnce, maxWaiting, tooMany)

  constructor(history: ReadHistory) {
    this.#history = history
  }

  /** Rejects as Unavailable when too many wait; what is asked by a client that has gone by then is not read. */
  ask<T>(ctx: Context, read: (history: ReadHistory) => Promise<T>): Promise<T> {
    return this.#turns.take(
      () => read(this.#history),
      () => ctx.req.socket.destroyed,
    )
  }
}

const tooMany = () =>
  new PulltraceError(Code.Unavailable, `${maxWaiting} searches of the history wait already`, {
    fix: 'ask again in a few seconds, for one thing after the other',
    // Spread, as all that are refused come back.
    retryAfterSeconds: 2 + 3 * Math.random(),
  })
