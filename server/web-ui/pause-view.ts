import type { Clock } from '../../core/lib/clock.ts'
import type { PauseState, RulesSnapshot, RulesStore } from '../store/rules-store.ts'

/** Milliseconds. */
const freshMs = 1000

/** What sensors are served from, at most a second old: every page says when rules are paused. */
export class PauseView {
  readonly #store: Pick<RulesStore, 'snapshot'>
  readonly #clock: Pick<Clock, 'monotonic'>
  #snapshot: RulesSnapshot | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<RulesSnapshot> | undefined

  constructor(store: Pick<RulesStore, 'snapshot'>, clock: Pick<Clock, 'monotonic'>) {
    this.#store = store
    this.#clock = clock
  }

  readonly pause = async (): Promise<PauseState> => (await this.snapshot()).pause

  snapshot(): Promise<RulesSnapshot> {
    const fresh = this.#clock.monotonic() - this.#lookedAtMs < freshMs
    if (this.#snapshot !== undefined && fresh) return Promise.resolve(this.#snapshot)
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** After a change of one's own: the next page must show it. */
  forget(): void {
    this.#lookedAtMs = Number.NEGATIVE_INFINITY
  }

  async #look(): Promise<RulesSnapshot> {
    const atMs = this.#clock.monotonic()
    const changed = await this.#store.snapshot(this.#snapshot?.revision)
    if (changed !== undefined) this.#snapshot = changed
    this.#lookedAtMs = atMs
    return this.#snapshot!
  }
}
