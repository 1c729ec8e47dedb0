import type { RuleSet } from '../../../../core/rules/compile.ts'
import { compileRules } from '../../../../core/rules/compile.ts'
import type { SyncRulesResponse } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Outcome } from '../outcome.ts'
import { fromWire, type RuleFault } from './from-wire.ts'

/** Rules that can be put in force, whole: one record is checked with exactly one of these. */
export interface AppliedSet {
  readonly etag: string
  readonly paused: boolean
  readonly set: RuleSet
  readonly rules: number
  /** Rules that this sensor cannot use; the set is in force without them. */
  readonly faults: readonly RuleFault[]
  /** The outcome of every record that no rule matches: made once, so that such a check allocates nothing. */
  readonly pass: Outcome
}

/** Compiles what the server sent. Throws when the set as a whole must not be put in force. */
export function appliedSetOf(answer: SyncRulesResponse): AppliedSet {
  if (answer.maskPointers.length > 0) {
    // Values that the server wants masked must not leave the job unmasked.
    throw new Error(
      'the server asks for masks, which this version of the sensor cannot do: update @trapperkeeper/sensor',
    )
  }
  const { rules, faults } = fromWire(answer.rules)
  const compiled = compileRules(rules)
  const allFaults = [...faults, ...compiled.faults]
  return {
    etag: answer.etag,
    paused: answer.paused,
    set: compiled.set,
    rules: answer.rules.length - allFaults.length,
    faults: allFaults,
    pass: passOf(answer.etag),
  }
}

export const passOf = (ruleSetEtag: string | undefined): Outcome =>
  Object.freeze({ action: 'pass', keep: true, matches: Object.freeze([]), ruleSetEtag })
