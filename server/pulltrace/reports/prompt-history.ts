import type { Phase, TerminalPhase } from '../../../core/contract/words.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import type { HistoryFilter, HistoryStore, Page } from '../../store/store.ts'

/** Longer waits for the disk would be seen as a live view that stands still. Milliseconds. */
export const answerWithinMs = 3000
/** How much later than that a call may be given up. Milliseconds. */
const lookEveryMs = 500
/** More ends than a disk can be behind with; then the oldest are forgotten. */
const maxUntold = 10_000

type Asked = Pick<HistoryStore, 'append' | 'endsOf' | 'get' | 'search'>

/** The end of a pull whose append was given up. */
interface Untold {
  readonly phase: Phase
  /** It reached the disk all the same. */
  readonly stored: boolean
}

interface Call {
  readonly begunMs: number
  readonly giveUp: () => void
}

/**
 * The history as those who take reports need it: a call that the disk does not answer in time rejects as Unavailable, and
 * so does at once every other one until that is answered after all. An append that was given up may still reach the disk.
 * What it holds was told to nobody, so `endsOf` and `search` leave it out until it is appended again, which then writes
 * nothing: a disk that takes long for every write still gets one end after the other told.
 */
export class PromptHistory implements Asked {
  readonly #history: Asked
  readonly #clock: Clock
  /** Oldest first. */
  readonly #calls = new Set<Call>()
  /** Calls that were given up and are not answered yet. */
  #late = 0
  /** By id. */
  readonly #untold = new Map<string, Untold>()

  constructor(history: Asked, clock: Clock) {
    this.#history = history
    this.#clock = clock
  }

  /** Gives up what takes too long, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await this.#clock.sleep(lookEveryMs, signal).catch(() => {})
      this.expire()
    }
  }

  /** Gives up what takes too long by now. */
  expire(): void {
    const latestMs = this.#clock.monotonic() - answerWithinMs
    for (const call of this.#calls) {
      if (call.begunMs > latestMs) return
      this.#calls.delete(call)
      this.#late++
      call.giveUp()
    }
  }

  async append(pulls: readonly PullState[]): Promise<void> {
    const missing = this.#untold.size === 0 ? pulls : pulls.filter(pull => !this.#isStored(pull))
    if (missing.length > 0) {
      let givenUp = false
      const append = async () => {
        await this.#history.append(missing)
        if (givenUp) this.#noteUntold(missing, true)
      }
      await this.#ask(append, () => {
        givenUp = true
        this.#noteUntold(missing, false)
      })
    }
    if (this.#untold.size > 0) for (const { id } of pulls) this.#untold.delete(id)
  }

  async endsOf(ids: readonly string[]): Promise<ReadonlyMap<string, TerminalPhase>> {
    const ends = await this.#ask(() => this.#history.endsOf(ids))
    if (this.#untold.size === 0) return ends
    return new Map([...ends].filter(([id, phase]) => this.#untold.get(id)?.phase !== phase))
  }

  get(id: string): Promise<PullState | undefined> {
    return this.#ask(() => this.#history.get(id))
  }

  async search(filter: HistoryFilter, limit: number, cursor?: string): Promise<Page<PullState>> {
    const page = await this.#ask(() => this.#history.search(filter, limit, cursor))
    if (this.#untold.size === 0) return page
    return { ...page, items: page.items.filter(({ id, phase }) => this.#untold.get(id)?.phase !== phase) }
  }

  #ask<T>(ask: () => Promise<T>, givenUp: () => void = () => {}): Promise<T> {
    if (this.#late > 0) return Promise.reject(notInTime())
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const giveUp = () => {
      givenUp()
      reject(notInTime())
    }
    const call: Call = { begunMs: this.#clock.monotonic(), giveUp }
    this.#calls.add(call)
    const answered = () => {
      // Given up, it is not among them.
      if (!this.#calls.delete(call)) this.#late--
    }
    ask().then(resolve, reject).finally(answered)
    return promise
  }

  #isStored({ id, phase }: PullState): boolean {
    const untold = this.#untold.get(id)
    return untold?.stored === true && untold.phase === phase
  }

  #noteUntold(pulls: readonly PullState[], stored: boolean): void {
    for (const { id, phase } of pulls) {
      this.#untold.delete(id)
      this.#untold.set(id, { phase, stored })
    }
    for (const id of this.#untold.keys()) {
      if (this.#untold.size <= maxUntold) return
      this.#untold.delete(id)
    }
  }
}

const notInTime = () =>
  new PulltraceError(Code.Unavailable, `history is unavailable: no answer for ${answerWithinMs / 1000} s`, {
    fix: 'check the disk',
  })
