import { createHash } from 'node:crypto'
import { compareCodePoints } from './code-points.ts'
import type { SentRule } from './rule.ts'

/** What a sensor has while all rules are paused. */
export const pausedEtag = 'PAUSED'
const protocolVersion = 1

export interface RuleSetContent {
  /** In the order in which they are sent. */
  readonly rules: readonly SentRule[]
  /** As advertised to sensors. */
  readonly limits: object
  /** JSON Pointers that apply to every event. */
  readonly masks: readonly string[]
}

/** The name of everything that reaches a sensor: equal content has an equal ETag on every instance, after every restart. */
export function etagOf({ rules, limits, masks }: RuleSetContent): string {
  const content = { protocol_version: protocolVersion, rules: rules.map(canonicalRule), limits, masks: sorted(masks) }
  return `v1-${createHash('sha256').update(canonicalJson(content)).digest('base64url')}`
}

/** Named field by field: what is added to SentRule and must not change a sensor's ETag stays out by itself. */
function canonicalRule(rule: SentRule): object {
  const { rule_id, version, name, action, any, sample_rate, created_at, score } = rule
  return { rule_id, version, name, action, any, sample_rate, scope: { tags: sorted(rule.tags) }, created_at, score }
}

const sorted = (texts: readonly string[]) => [...texts].sort(compareCodePoints)

/**
 * RFC 8785: keys sorted by UTF-16 unit, ECMAScript numbers, no blanks. Absent (`undefined`) fields are left out.
 *
 * @throws TypeError for what JSON cannot say: NaN, infinities, integers beyond 2^53 - 1 as bigint, functions.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`JSON cannot say ${value}`)
      return JSON.stringify(value)
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
      return `{${fieldsOf(value as Record<string, unknown>).join(',')}}`
    default:
      throw new TypeError(`JSON cannot say a ${typeof value}`)
  }
}

const fieldsOf = (object: Record<string, unknown>) =>
  Object.keys(object)
    .filter(key => object[key] !== undefined)
    // Array.prototype.sort compares by UTF-16 unit, which is what RFC 8785 §3.2.3 asks for.
    .sort()
    .map(key => `${JSON.stringify(key)}:${canonicalJson(object[key])}`)
