import { isDeepStrictEqual } from 'node:util'
import type { Action, AndGroup, Condition, SentRule } from '../../core/rules/rule.ts'
import { naiveRuleScore } from './naive-cost.ts'
import { ruleOf, type SeenMatch, type Subject, withDefaults } from './subject.ts'
import { decoded, type Vector } from './vectors.ts'

interface WrittenRule {
  readonly id: string
  readonly action: Action
  readonly sample_rate?: number
  readonly dry_run?: boolean
  readonly any: readonly { readonly all: readonly object[] }[]
}

interface WrittenMatch {
  readonly rule: string
  readonly [field: string]: unknown
}

/** What a subject did that the vector does not expect, or undefined. Kinds that no evaluator sees are left to others. */
export function disagreementOf(vector: Vector, subject: Subject): string | undefined {
  const { id, kind } = vector
  const differs = kind === 'condition' ? ofCondition : kind === 'rules' ? ofRules : kind === 'cost' ? ofCost : undefined
  const seen = differs?.(vector, subject)
  return seen === undefined ? undefined : `${id}: ${seen}`
}

function ofCondition(vector: Vector, subject: Subject): string | undefined {
  const any = withDefaults([{ all: [decoded(vector['condition']) as object] }])
  const rule = ruleOf({ rule_id: 'r', any, score: naiveRuleScore(any) })
  const { action, matches } = subject.check([rule], decoded(vector['record']), noRandom)
  const expect = decoded(vector['expect']) as Record<string, unknown>
  const result = action === 'pass' ? 'false' : action === 'observe' ? 'true' : 'error'
  if (result !== expect['result']) return `expected ${expect['result']}, seen ${result}`
  if (matches.length !== (result === 'false' ? 0 : 1)) return `reports ${matches.length} matches`
  return matches[0] && matchDiffers(matches[0], expect)
}

const noRandom = () => {
  throw new Error('a rule with sample_rate 0 or 1 must not draw a random number')
}

/** Only what the vector names is compared; a policy never has a value. */
function matchDiffers(match: SeenMatch, expect: Readonly<Record<string, unknown>>): string | undefined {
  const seen: Record<string, unknown> = {
    action: match.action,
    match_kind: match.kind,
    group_index: match.groupIndex,
    condition_index: match.conditionIndex,
    matched_path: match.path,
    matched_value: match.hasValue ? match.value : undefined,
  }
  const field = Object.keys(seen).find(name => name in expect && !isDeepStrictEqual(seen[name], expect[name]))
  if (field !== undefined) return `${field}: expected ${textOf(expect[field])}, seen ${textOf(seen[field])}`
  return match.kind !== 'VALUE' && match.hasValue ? `has a value by ${match.kind}` : undefined
}

function ofRules(vector: Vector, subject: Subject): string | undefined {
  const written = decoded(vector['rules']) as readonly WrittenRule[]
  const random = [...((vector['random'] as readonly number[] | undefined) ?? [])]
  const outcome = subject.check(sendOrderOf(written), decoded(vector['record']), () => {
    if (random.length === 0) throw new Error(`${vector.id} draws more random numbers than it gives`)
    return random.shift()!
  })
  const expect = decoded(vector['expect']) as { action: string; matched: string[]; matches?: WrittenMatch[] }
  const matched = outcome.matches.map(({ rule }) => rule)
  if (outcome.action !== expect.action) return `action: expected ${expect.action}, seen ${outcome.action}`
  if (!isDeepStrictEqual(matched, expect.matched)) return `expected ${expect.matched}, seen ${matched}`
  if (random.length > 0) return `draws ${random.length} random numbers less than it gives`
  for (const [index, match] of (expect.matches ?? []).entries()) {
    const difference = matchDiffers(outcome.matches[index]!, match)
    if (difference !== undefined) return `match ${index}: ${difference}`
  }
  return undefined
}

/** What the server does before it sends: dry runs only observe, cheap rules come first, ties by id. */
export function sendOrderOf(written: readonly WrittenRule[]): readonly SentRule[] {
  return written
    .map(({ id, action, sample_rate = 1, dry_run = false, any }) => {
      const groups = dry_run ? withoutFail(withDefaults(any)) : withDefaults(any)
      const effective = dry_run ? 'observe' : action
      return ruleOf({ rule_id: id, action: effective, sample_rate, any: groups, score: naiveRuleScore(groups) })
    })
    .sort((left, right) => left.score - right.score || (left.rule_id < right.rule_id ? -1 : 1))
}

const withoutFail = (any: readonly AndGroup[]): readonly AndGroup[] =>
  any.map(({ all }) => ({
    all: all.map(
      (condition): Condition => ({
        ...condition,
        on_missing_field: condition.on_missing_field === 'fail' ? 'skip' : condition.on_missing_field,
        on_coercion_fail: condition.on_coercion_fail === 'fail' ? 'skip' : condition.on_coercion_fail,
      }),
    ),
  }))

function ofCost(vector: Vector, subject: Subject): string | undefined {
  const any = withDefaults(decoded(vector['any']) as readonly { readonly all: readonly object[] }[])
  const expect = vector['expect'] as { score: number; order?: readonly (readonly number[])[] }
  const score = subject.scoreOf(any)
  if (score !== expect.score) return `score: expected ${expect.score}, seen ${score}`
  const order = any.map(group => subject.orderOf(group))
  if (expect.order === undefined || isDeepStrictEqual(order, expect.order)) return undefined
  return `order: expected ${textOf(expect.order)}, seen ${textOf(order)}`
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? `${field}n` : field)) ?? String(value)
