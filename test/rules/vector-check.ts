import { isDeepStrictEqual } from 'node:util'
import type { Engine } from './engine-subject.ts'
import { type SeenMatch, type Subject, type WrittenRule, withDefaults } from './subject.ts'
import { decoded, type Vector } from './vectors.ts'

interface WrittenScope {
  readonly rule_tags: readonly string[]
  readonly exclude_tags?: readonly string[]
  readonly sensor_tags: readonly string[]
  readonly expect: { readonly applies: boolean }
}

interface WrittenMatch {
  readonly rule: string
  readonly [field: string]: unknown
}

/** What a subject did that the vector does not expect, or undefined. Kinds that no evaluator sees are left to others. */
export function disagreementOf(vector: Vector, subject: Subject): string | undefined {
  const { id, kind } = vector
  // Stopping at any match is for later; the given examples hold one vector of it.
  if (vector['stop_on'] === 'first') return undefined
  const differs = kind === 'condition' ? ofCondition : kind === 'rules' ? ofRules : kind === 'cost' ? ofCost : undefined
  try {
    const seen = differs?.(vector, subject)
    return seen === undefined ? undefined : `${id}: ${seen}`
  } catch (reason) {
    return `${id}: throws ${reason}`
  }
}

/** What `parseRule` says of groups that must be refused, or that must not: a vector of another kind holds valid ones. */
export function parseDisagreement(vector: Vector, { parseRule }: Pick<Engine, 'parseRule'>): string | undefined {
  if (vector.kind !== 'invalid' && vector.kind !== 'cost') return undefined
  const rule = { name: 'rule', action: 'observe', scope: { tags: [] }, any: decoded(vector['any']) }
  const { faults } = parseRule(rule)
  if (vector.kind === 'invalid') return faults === undefined ? `${vector.id}: not refused` : undefined
  return faults === undefined ? undefined : `${vector.id}: refused, ${faults[0]?.message}`
}

export function scopeDisagreement(vector: Vector, { applies }: Pick<Engine, 'applies'>): string | undefined {
  if (vector.kind !== 'scope') return undefined
  const { rule_tags, exclude_tags = [], sensor_tags, expect } = vector as unknown as WrittenScope
  const seen = applies({ tags: rule_tags, exclude_tags }, new Set(sensor_tags))
  return seen === expect.applies ? undefined : `${vector.id}: applies is ${seen}`
}

function ofCondition(vector: Vector, subject: Subject): string | undefined {
  const any = [{ all: [decoded(vector['condition']) as object] }]
  const rules = subject.sent([{ id: 'r', action: 'observe', any }])
  const { action, matches } = subject.check(rules, decoded(vector['record']), noRandom)
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
  const outcome = subject.check(subject.sent(written), decoded(vector['record']), () => {
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
