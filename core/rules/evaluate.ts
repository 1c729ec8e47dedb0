import {
  type CompiledCondition,
  type CompiledRule,
  closeRecord,
  compileRules,
  missingFailed,
  no,
  openRecord,
  type RuleSet,
} from './compile.ts'
import { candidatesOf } from './fields.ts'
import { type Action, type FieldPath, type MatchKind, matchKinds, type SentRule } from './rule.ts'
import { holds } from './values.ts'

/** One match of one rule on one record, or the error that its `fail` policy asked for. */
export interface Match {
  readonly rule: SentRule
  /** The effective one: `fail` for an error, whatever the rule's own. */
  readonly action: Action
  readonly kind: MatchKind
  /** Author order, from 0. */
  readonly groupIndex: number
  /** Author order, from 0: the group's first condition, or the one that failed. */
  readonly conditionIndex: number
  /** Wildcards replaced by indexes when a value was found; as written otherwise. */
  readonly path: FieldPath
  /** Before any conversion. Undefined without one: see `hasValue`. */
  readonly value: unknown
  readonly hasValue: boolean
}

export type OnMatch = (match: Match) => void
/** Told of an exception while a rule was tried, as of a getter that throws. The rule then does not match. */
export type OnError = (rule: SentRule, reason: unknown) => void

/**
 * Checks one record against every rule, in order. Observed matches go on; the first `drop` or `fail` ends the check, as
 * an error of a `fail` policy does. Allocates nothing when nothing matches. Never throws because of a record: what
 * `random` and `onMatch` throw is the caller's.
 */
export function evaluate(
  set: RuleSet,
  record: unknown,
  random: () => number,
  onMatch: OnMatch,
  onError?: OnError,
): 'pass' | Action {
  // A getter of the record, or `onMatch`, checks another record: the set holds one at a time.
  if (set.busy) return evaluate(compileRules(set.sent).set, record, random, onMatch, onError)
  openRecord(set, record)
  try {
    return tryRules(set, random, onMatch, onError)
  } finally {
    closeRecord(set)
  }
}

function tryRules(set: RuleSet, random: () => number, onMatch: OnMatch, onError?: OnError): 'pass' | Action {
  let action: 'pass' | Action = 'pass'
  for (const compiled of set.rules) {
    const { sampleRate } = compiled
    // Rates 0 and 1 draw no number: the generator then yields the same for everybody else.
    if (sampleRate < 1 && (sampleRate === 0 || !(random() < sampleRate))) continue
    let match: Match | undefined
    try {
      match = tryRule(compiled, set)
    } catch (reason) {
      compiled.errors++
      onError?.(compiled.rule, reason)
      continue
    }
    if (match === undefined) continue
    onMatch(match)
    action = match.action
    if (action !== 'observe') return action
  }
  return action
}

function tryRule(compiled: CompiledRule, set: RuleSet): Match | undefined {
  for (const group of compiled.groups) {
    let holding = true
    for (const condition of group) {
      const result = condition.test()
      if (result === no) {
        holding = false
        break
      }
      if (result >= missingFailed) return matchOf(compiled, condition, 'fail', result, set)
    }
    if (holding) {
      const first = group.find(({ conditionIndex }) => conditionIndex === 0)!
      return matchOf(compiled, first, compiled.rule.action, first.test(), set)
    }
  }
  return undefined
}

function matchOf(
  { rule }: CompiledRule,
  { condition, groupIndex, conditionIndex, judge }: CompiledCondition,
  action: Action,
  result: number,
  set: RuleSet,
): Match {
  const kind = matchKinds[result - 1] ?? 'VALUE'
  const where = { rule, action, kind, groupIndex, conditionIndex }
  if (kind === 'VALUE') {
    for (const { path, value } of candidatesOf(condition.field, set.round.record)) {
      if (judge(value) === holds) return { ...where, path, value, hasValue: value !== undefined }
    }
  }
  return { ...where, path: condition.field, value: undefined, hasValue: false }
}
