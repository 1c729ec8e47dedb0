import { type CompiledCondition, closeRecord, compileRules, openRecord, type RuleSet } from './compile.ts'
import { missingFailed } from './condition-test.ts'
import { candidatesOf } from './fields.ts'
import { Op, type Step } from './program.ts'
import { type Action, type FieldPath, type MatchKind, matchKinds, type SentRule } from './rule.ts'
import { run } from './run.ts'
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
 * an error of a `fail` policy does. Allocates nothing when nothing matches. Never throws because of a record; what
 * `onMatch` throws is the caller's.
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
  const first = set.screen.mayMatch(record) ? set.first : set.unscreened
  if (first.op === Op.end) return 'pass'
  openRecord(set, record)
  try {
    return tryRules(set, first, record, random, onMatch, onError)
  } finally {
    closeRecord(set)
  }
}

function tryRules(
  set: RuleSet,
  first: Step,
  record: unknown,
  random: () => number,
  onMatch: OnMatch,
  onError: OnError | undefined,
): 'pass' | Action {
  const { fields, stop } = set
  let action: 'pass' | Action = 'pass'
  let from = first
  for (;;) {
    let match: Match
    try {
      if (!run(fields, from, random, stop)) return action
      from = stop.at.nextRule
      match = matchAt(set, record)
    } catch (reason) {
      from = stop.at.nextRule
      const { rule } = stop.at.place!
      rule.counts.errors++
      onError?.(rule.rule, reason)
      continue
    }
    onMatch(match)
    action = match.action
    if (action !== 'observe') return action
  }
}

/** The match that a run stopped at. What it tells is the first condition of the group as its author wrote it, or the one that failed. */
function matchAt({ stop }: RuleSet, record: unknown): Match {
  const { rule, condition } = stop.at.place!
  if (stop.result >= missingFailed) return matchOf(rule.rule, 'fail', condition, stop.result, record)
  const first = rule.groups[condition.groupIndex]!.find(({ conditionIndex }) => conditionIndex === 0)!
  const { unconverted } = rule.counts
  const result = first === condition ? stop.result : first.test()
  // It was counted when the run tried it.
  rule.counts.unconverted = unconverted
  return matchOf(rule.rule, rule.rule.action, first, result, record)
}

function matchOf(
  rule: SentRule,
  action: Action,
  { condition, groupIndex, conditionIndex, judge }: CompiledCondition,
  result: number,
  record: unknown,
): Match {
  const kind = matchKinds[result - 1] ?? 'VALUE'
  const where = { rule, action, kind, groupIndex, conditionIndex }
  if (kind === 'VALUE') {
    for (const { path, value } of candidatesOf(condition.field, record)) {
      if (judge(value) === holds) return { ...where, path, value, hasValue: value !== undefined }
    }
  }
  return { ...where, path: condition.field, value: undefined, hasValue: false }
}
