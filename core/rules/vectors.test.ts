import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Compile } from 'typebox/compile'
import { compileRules } from './compile.ts'
import { orderOf, scoreOf } from './cost.ts'
import { evaluate, type Match } from './evaluate.ts'
import { explain } from './explain.ts'
import { parseRule } from './parse.ts'
import type { AndGroup, Rule, RuleContent, SentRule } from './rule.ts'
import { applies } from './scope.ts'
import { sendOrder } from './sent.ts'

const folder = path.join(import.meta.dirname, '../../sdk/vectors')
const schemaFile = 'schema.json'
const read = (file: string) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as unknown

interface Vector {
  readonly id: string
  readonly kind: 'condition' | 'rules' | 'cost' | 'invalid' | 'scope'
  readonly [field: string]: unknown
}

interface Expected {
  readonly result: 'true' | 'false' | 'error'
  readonly match_kind?: string
  readonly matched_path?: unknown
  readonly matched_value?: unknown
}

/** `{"$num": "9007199254740993"}` and `{"$missing": true}` as the values of the language that they stand for. */
function special(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(special)
  if (typeof value !== 'object' || value === null) return value
  const { $num: number, $missing: absent } = value as { $num?: string; $missing?: boolean }
  if (number !== undefined) return /^-?[1-9]\d*$/.test(number) ? BigInt(number) : Number(number)
  if (absent) return undefined
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, special(item)]))
}

/** A rule as a vector says it: 2.1 with a short id in the place of what does not matter there. */
function ruleOf(content: object, id = 'r'): Rule {
  const scope = { tags: [], exclude_tags: [] }
  const { rule, faults } = parseRule({ name: id, state: 'active', action: 'observe', scope, ...content })
  assert.deepEqual(faults, undefined)
  return { ...rule!, rule_id: id, version: 1, created_at: '2026-01-31T08:00:00Z' }
}

function check(rules: readonly SentRule[], record: unknown, random: () => number) {
  const { set, faults } = compileRules(rules)
  assert.deepEqual(faults, [])
  const matches: Match[] = []
  const action = evaluate(set, record, random, match => matches.push(match))
  return { action, matches }
}

const noRandom = () => assert.fail('a random number was drawn')

const runners: Record<Vector['kind'], (vector: Vector) => void> = {
  condition({ condition, record, expect }) {
    const any = [{ all: [special(condition)] }]
    const expected = special(expect) as Expected
    const rules = sendOrder([ruleOf({ any })])
    const { action, matches } = check(rules, special(record), noRandom)
    const [match] = matches
    assert.deepEqual(action, { true: 'observe', false: 'pass', error: 'fail' }[expected.result])
    if (expected.match_kind !== undefined) assert.equal(match?.kind, expected.match_kind)
    if ('matched_path' in expected) assert.deepEqual(match?.path, expected.matched_path)
    if ('matched_value' in expected) assert.deepEqual([match?.hasValue, match?.value], [true, expected.matched_value])
    assert.equal(explain(rules[0]!, special(record)).result, expected.result)
  },
  rules({ rules, record, random, expect, stop_on }) {
    // `stopOn: "first"` is not part of this version.
    if (stop_on === 'first') return
    const numbers = [...((random as number[] | undefined) ?? [])]
    const sent = sendOrder((special(rules) as { id: string }[]).map(({ id, ...content }) => ruleOf(content, id)))
    const { action, matches } = check(sent, special(record), () => numbers.shift() ?? noRandom())
    const expected = special(expect) as { action: string; matched: unknown; matches?: object[] }
    assert.deepEqual([action, matches.map(match => match.rule.rule_id)], [expected.action, expected.matched])
    for (const [index, fields] of (expected.matches ?? []).entries()) {
      const { rule, action, kind, groupIndex, conditionIndex, path, value } = matches[index]!
      const told = {
        rule: rule.rule_id,
        action,
        match_kind: kind,
        group_index: groupIndex,
        condition_index: conditionIndex,
      }
      const named = { ...told, matched_path: path, matched_value: value } as Record<string, unknown>
      for (const [field, seen] of Object.entries(fields)) assert.deepEqual(named[field], seen, field)
    }
    assert.deepEqual(numbers, [])
  },
  cost({ any, expect }) {
    const { score, order } = expect as { score: number; order?: unknown }
    const groups: readonly AndGroup[] = ruleOf({ any: special(any) }).any
    assert.equal(scoreOf(groups), score)
    if (order !== undefined) assert.deepEqual(groups.map(orderOf), order)
  },
  invalid({ any }) {
    const content = { name: 'r', action: 'observe', scope: { tags: [] }, any: special(any) }
    const { faults } = parseRule(content)
    assert.ok(faults !== undefined && faults.length > 0, 'it was accepted')
    // What would be refused on write is not put in force either, should it come by wire.
    const rule = { ...(content as unknown as RuleContent), tags: [], rule_id: 'r', version: 1, sample_rate: 1 }
    const compiled = compileRules([{ ...rule, score: 0, created_at: '2026-01-31T08:00:00Z' }])
    assert.deepEqual([compiled.set.rules.length, compiled.faults.length], [0, 1])
  },
  scope({ rule_tags, exclude_tags, sensor_tags, expect }) {
    const scope = { tags: rule_tags as string[], exclude_tags: (exclude_tags ?? []) as string[] }
    assert.deepEqual({ applies: applies(scope, new Set(sensor_tags as string[])) }, expect)
  },
}

describe('vectors', () => {
  const files = readdirSync(folder).filter(file => file.endsWith('.json') && file !== schemaFile)
  const schema = Compile(read(schemaFile) as object)

  for (const file of files) {
    describe(file, () => {
      const content = read(file) as { readonly vectors: readonly Vector[] }

      it('is in the format that all languages read', () => {
        assert.deepEqual(schema.Errors(content), [])
        assert.equal(new Set(content.vectors.map(({ id }) => id)).size, content.vectors.length)
      })

      for (const vector of content.vectors) it(vector.id, () => runners[vector.kind](vector))
    })
  }
})
