import type { Action, AndGroup, Condition, FieldPath, MatchKind, Policy, SentRule } from '../../core/rules/rule.ts'
import { naiveOrder } from './naive-cost.ts'
import { type Candidate, candidatesOf } from './naive-paths.ts'
import { booleanOf, classOf, codePointsOf, compareNumbers, failed, numberOf, textOf } from './naive-values.ts'

/**
 * The second evaluator: paths, conversion, truth table, policies, wildcards and order, written down plainly from the
 * specification by someone who had not seen the first. It allocates and repeats itself; it serves only to disagree.
 */

/** Why and where a condition is true, or that its `fail` policy ended the check. */
export interface Verdict {
  readonly result: 'true' | 'false' | 'error'
  readonly kind?: MatchKind
  readonly path?: FieldPath
  readonly value?: unknown
}

export interface NaiveMatch {
  readonly rule: SentRule
  readonly action: Action
  readonly kind: MatchKind
  readonly groupIndex: number
  readonly conditionIndex: number
  readonly path: FieldPath
  readonly value: unknown
  readonly hasValue: boolean
}

export interface NaiveOutcome {
  readonly action: 'pass' | Action
  readonly matches: readonly NaiveMatch[]
}

/** Rules in the order received, up to the first terminal match. */
export function naiveCheck(rules: readonly SentRule[], record: unknown, random: () => number): NaiveOutcome {
  const matches: NaiveMatch[] = []
  for (const rule of rules) {
    if (!isSampled(rule.sample_rate, random)) continue
    const match = matchOf(rule, record)
    if (match === undefined) continue
    matches.push(match)
    if (match.action !== 'observe') return { action: match.action, matches }
  }
  return { action: matches.length > 0 ? 'observe' : 'pass', matches }
}

function isSampled(rate: number, random: () => number): boolean {
  if (rate === 0) return false
  return rate === 1 || random() < rate
}

function matchOf(rule: SentRule, record: unknown): NaiveMatch | undefined {
  for (const [groupIndex, group] of rule.any.entries()) {
    const verdict = groupVerdict(group, record)
    if (verdict === undefined) continue
    const { kind, path } = verdict
    const hasValue = kind === 'VALUE' && verdict.value !== undefined
    const action = verdict.result === 'error' ? 'fail' : rule.action
    const value = hasValue ? verdict.value : undefined
    return {
      rule,
      action,
      kind: kind!,
      groupIndex,
      conditionIndex: verdict.conditionIndex,
      path: path!,
      value,
      hasValue,
    }
  }
  return undefined
}

/** The first condition in author order when all are true, the failing one on an error, undefined when one is false. */
function groupVerdict(group: AndGroup, record: unknown): (Verdict & { readonly conditionIndex: number }) | undefined {
  if (group.all.length === 0) return undefined
  for (const conditionIndex of naiveOrder(group)) {
    const verdict = naiveCondition(group.all[conditionIndex]!, record)
    if (verdict.result === 'false') return undefined
    if (verdict.result === 'error') return { ...verdict, conditionIndex }
  }
  return { ...naiveCondition(group.all[0]!, record), conditionIndex: 0 }
}

/** The cells of the truth table: true, false, missing, not convertible. */
export type Single = 'T' | 'F' | 'M' | 'K'

/** What all candidates of one condition come to in one record. */
export function naiveCondition(condition: Condition, record: unknown): Verdict {
  const candidates = candidatesOf(condition.field, record)
  if (condition.op === 'is_null' && candidates.length === 0) return truth({ path: condition.field, value: undefined })
  const singles = candidates.map(candidate => judge(condition, candidate.value, record))
  const first = singles.indexOf('T')
  if (first >= 0) return truth(candidates[first]!)
  if (singles.includes('F') || condition.op === 'exists') return { result: 'false' }
  if (singles.includes('K')) {
    return byPolicy(condition.on_coercion_fail, condition.field, 'COERCION_MATCHED', 'COERCION_FAILED')
  }
  return byPolicy(condition.on_missing_field, condition.field, 'MISSING_MATCHED', 'MISSING_FAILED')
}

const truth = ({ path, value }: Candidate): Verdict => ({ result: 'true', kind: 'VALUE', path, value })

function byPolicy(policy: Policy, path: FieldPath, matched: MatchKind, failure: MatchKind): Verdict {
  if (policy === 'skip') return { result: 'false' }
  return policy === 'match' ? { result: 'true', kind: matched, path } : { result: 'error', kind: failure, path }
}

/** The truth table for one resolved value. */
export function judge(condition: Condition, value: unknown, record: unknown): Single {
  const isNullish = classOf(value) === 'NULLISH'
  if (condition.op === 'exists') return isNullish ? 'F' : 'T'
  if (condition.op === 'is_null') return isNullish ? 'T' : 'F'
  if (condition.field_ref === undefined) return isNullish ? 'M' : compare(condition, value, condition.value)
  const other = candidatesOf(condition.field_ref, record)[0]?.value
  return isNullish || classOf(other) === 'NULLISH' ? 'M' : compare(condition, value, other)
}

function compare(condition: Condition, value: unknown, other: unknown): Single {
  if (condition.op === 'in') return compareWithItems(condition, value, other as readonly unknown[])
  if (condition.field_type === 'numeric') return compareAsNumbers(condition, value, other)
  if (condition.field_type === 'text') return compareAsTexts(condition, value, other)
  if (condition.field_type === 'boolean') return compareAsBooleans(condition, value, other)
  return compareAsAny(condition, value, other)
}

/** Type `any`: what is compared depends on both sides. */
function compareAsAny(condition: Condition, value: unknown, other: unknown): Single {
  const classes = [classOf(value), classOf(other)]
  if (classes.includes('COMPOUND')) return 'K'
  if (classes[0] === 'BOOL' && classes[1] === 'BOOL') return compareAsBooleans(condition, value, other)
  if (classes.includes('BOOL')) return 'K'
  if (classes.includes('NUMBER')) return compareAsNumbers(condition, value, other)
  return compareAsTexts(condition, value, other)
}

/** `in` is an `eq` with any of the items: true for one, false when at least one could be compared, else K. */
function compareWithItems(condition: Condition, value: unknown, items: readonly unknown[]): Single {
  const singles = items.map(item => compare({ ...condition, op: 'eq' }, value, item))
  if (singles.includes('T')) return 'T'
  return singles.includes('F') ? 'F' : 'K'
}

function compareAsNumbers({ op }: Condition, value: unknown, other: unknown): Single {
  const left = numberOf(value)
  const right = numberOf(other)
  if (left === failed || right === failed) return 'K'
  const order = compareNumbers(left, right)
  if (op === 'eq') return order === 0 ? 'T' : 'F'
  if (op === 'neq') return order !== 0 ? 'T' : 'F'
  if (op === 'lt') return order < 0 ? 'T' : 'F'
  if (op === 'lte') return order <= 0 ? 'T' : 'F'
  if (op === 'gt') return order > 0 ? 'T' : 'F'
  return order >= 0 ? 'T' : 'F'
}

function compareAsTexts({ op }: Condition, value: unknown, other: unknown): Single {
  const left = textOf(value)
  const right = textOf(other)
  if (left === failed || right === failed) return 'K'
  const text = codePointsOf(left)
  const part = codePointsOf(right)
  const standsAt = (start: number) => start >= 0 && part.every((point, index) => text[start + index] === point)
  if (op === 'eq') return text.length === part.length && standsAt(0) ? 'T' : 'F'
  if (op === 'neq') return text.length === part.length && standsAt(0) ? 'F' : 'T'
  if (op === 'prefix') return standsAt(0) ? 'T' : 'F'
  if (op === 'suffix') return standsAt(text.length - part.length) ? 'T' : 'F'
  return text.some((_, start) => standsAt(start)) ? 'T' : 'F'
}

function compareAsBooleans({ op }: Condition, value: unknown, other: unknown): Single {
  const left = booleanOf(value)
  const right = booleanOf(other)
  if (left === failed || right === failed) return 'K'
  return (left === right) === (op === 'eq') ? 'T' : 'F'
}
