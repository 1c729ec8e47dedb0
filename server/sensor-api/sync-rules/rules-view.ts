import type { Clock } from '../../../core/lib/clock.ts'
import type { RulesSnapshot, RulesStore } from '../../store/rules-store.ts'
import type { SensorLimits } from '../limits.ts'
import { RuleSets } from './rule-sets.ts'

const maxAgeMs = 1000

/** The rules as they are in the store, at most a second old. A change of a rule, or of the pause, is one new set of sets. */
export class RulesView {
  readonly #store: Pick<RulesStore, 'snapshot'>
  readonly #limits: SensorLimits
  readonly #clock: Pick<Clock, 'monotonic'>
  #snapshot: RulesSnapshot | undefined
  #sets: RuleSets | undefined
  #readMs = Number.NEGATIVE_INFINITY
  #reading: Promise<RuleSets> | undefined

  constructor(store: Pick<RulesStore, 'snapshot'>, limits: SensorLimits, clock: Pick<Clock, 'monotonic'>) {
    this.#store = store
    this.#limits = limits
    this.#clock = clock
  }

  /** As it was read last. */
  get snapshot(): RulesSnapshot | undefined {
    return this.#snapshot
  }

  /** All who ask at once wait for one look. Rejects as the store does: old rules may be ones that were paused. */
  async current(): Promise<RuleSets> {
    if (this.#sets !== undefined && this.#clock.monotonic() - this.#readMs < maxAgeMs) return this.#sets
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<RuleSets> {
    const askedMs = this.#clock.monotonic()
    const newer = await this.#store.snapshot(this.#snapshot?.revision)
    if (newer !== undefined) {
      this.#sets = new RuleSets(newer, this.#limits)
      this.#snapshot = newer
    }
    // The moment of asking: what changed after it is not seen for a second from then.
    this.#readMs = askedMs
    return this.#sets!
  }
}
