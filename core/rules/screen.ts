import { isForCode, sourceOf } from './code-source.ts'
import type { CompiledRule } from './compile.ts'
import { type MayMatch, makeCode } from './make-code.ts'

/** When code is made of a set's rules. Making it takes longer than some hundred checks, so: for a set that is used. */
export type UseOfCode = 'when used' | 'at once' | 'never'

const checksBefore = 200
/** V8 does not optimise functions that are much larger; and a check that waits for one waits about a millisecond. */
const conditionsInFunction = 75
/** The steps of more take no longer than their code does. */
const mostRules = 300

/**
 * Says of most records in a few ns that no rule matches, by JavaScript made of the rules where the platform allows it.
 * It only ever says no. Whatever it cannot tell is for the steps and closures, which alone say what a rule means; a
 * getter of the record may then be called a second time.
 */
export class Screen {
  /** Those that it can tell of. */
  readonly rules: ReadonlySet<CompiledRule>
  readonly #functions: MayMatch[] = []
  #toMake: readonly CompiledRule[]
  #checksLeft: number
  #forbidden = false

  constructor(rules: readonly CompiledRule[], use: UseOfCode) {
    this.#toMake = use === 'never' || rules.length > mostRules ? [] : rules.filter(isForCode)
    this.rules = new Set(this.#toMake)
    this.#checksLeft = use === 'at once' ? 0 : checksBefore
    if (use === 'at once') while (this.#toMake.length > 0) this.#makeSome()
  }

  /** False when surely none of its rules matches or fails, and none met a value that does not convert. Never throws. */
  mayMatch(record: unknown): boolean {
    if (this.#toMake.length > 0) return this.#prepare()
    if (this.#forbidden) return true
    const functions = this.#functions
    try {
      for (let at = 0; at < functions.length; at++) if (functions[at]!(record)) return true
      return false
    } catch {
      // What a getter throws is told by the steps, with the rule that asked for it.
      return true
    }
  }

  #prepare(): true {
    try {
      if (this.#checksLeft > 0) this.#checksLeft--
      else this.#makeSome()
    } catch {
      // Where a caller has nearly used up the stack: another check makes it.
    }
    return true
  }

  /** One function at a time: no check waits long for it. */
  #makeSome(): void {
    let count = 0
    let conditions = 0
    while (count < this.#toMake.length && conditions < conditionsInFunction) {
      for (const group of this.#toMake[count++]!.groups) conditions += group.length
    }
    const made = makeCode(sourceOf(this.#toMake.slice(0, count)))
    this.#forbidden = made === undefined
    if (made !== undefined) this.#functions.push(made)
    this.#toMake = this.#forbidden ? [] : this.#toMake.slice(count)
  }
}
