import type { Violation } from '../../../core/contract/pull.ts'

/** What rules have said of one pull so far. */
export interface Verdict {
  /** Rules that have reported it, with their versions. */
  readonly reported: readonly string[]
  readonly violations: readonly Violation[] | undefined
  /** The rule that dropped it. */
  readonly droppedBy: string | undefined
}

/** Above it those of which nothing has been heard for longest are forgotten: such a pull is judged anew. */
export const maxVerdicts = 100_000

/** Of pulls that a rule has matched, those that ended included: an agent may tell of an end again. */
export class Verdicts {
  readonly #verdicts = new Map<string, Verdict>()
  readonly #max: number

  constructor(max = maxVerdicts) {
    this.#max = max
  }

  get size(): number {
    return this.#verdicts.size
  }

  get(id: string): Verdict | undefined {
    const verdict = this.#verdicts.get(id)
    if (verdict === undefined) return undefined
    this.#verdicts.delete(id)
    this.#verdicts.set(id, verdict)
    return verdict
  }

  set(id: string, verdict: Verdict): void {
    this.#verdicts.delete(id)
    this.#verdicts.set(id, verdict)
    if (this.#verdicts.size > this.#max) this.#verdicts.delete(this.#verdicts.keys().next().value!)
  }
}
