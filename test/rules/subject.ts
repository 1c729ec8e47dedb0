import type { Action, AndGroup, Condition, FieldPath, MatchKind, SentRule } from '../../core/rules/rule.ts'

/** A rule as a vector holds it: what an author writes, with a short id. */
export interface WrittenRule {
  readonly id: string
  readonly action: Action | 'error'
  readonly sample_rate?: number
  readonly dry_run?: boolean
  readonly any: readonly { readonly all: readonly object[] }[]
}

/** What a vector or a random pair can ask of an evaluator. The engine and the naive evaluator both answer. */
export interface Subject {
  /** The rules as a sensor gets them, in the order in which it gets them. */
  sent(rules: readonly WrittenRule[]): readonly SentRule[]
  check(rules: readonly SentRule[], record: unknown, random: () => number): CheckOutcome
  scoreOf(any: readonly AndGroup[]): number
  orderOf(group: AndGroup): readonly number[]
}

export interface CheckOutcome {
  readonly action: 'pass' | Action
  readonly matches: readonly SeenMatch[]
}

/** A match as both evaluators report it; compared as a whole. */
export interface SeenMatch {
  readonly rule: string
  readonly action: Action
  readonly kind: MatchKind
  readonly groupIndex: number
  readonly conditionIndex: number
  readonly path: FieldPath
  readonly hasValue: boolean
  readonly value: unknown
}

/** A rule as the sensor gets it, around groups whose defaults are filled in. */
export function ruleOf(rule: Partial<SentRule> & Pick<SentRule, 'rule_id' | 'any'>): SentRule {
  return {
    version: 1,
    name: 'rule',
    action: 'observe',
    sample_rate: 1,
    tags: [],
    score: 0,
    created_at: '2026-01-31T08:00:00Z',
    ...rule,
  }
}

/** Groups with the policies filled in, as written in a vector. */
export function withDefaults(any: readonly { readonly all: readonly object[] }[]): readonly AndGroup[] {
  return any.map(({ all }) => ({
    all: all.map(
      condition => ({ on_missing_field: 'skip', on_coercion_fail: 'skip', ...condition }) as unknown as Condition,
    ),
  }))
}
