import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compileRules } from '../../core/rules/compile.ts'
import { parseRule } from '../../core/rules/parse.ts'
import { sendOrder } from '../../core/rules/sent.ts'
import { parseRuleFile } from '../../server/rule-files/rule-file.ts'
import { rulesText } from '../../server/rule-files/rule-text.ts'
import { ruleSets } from './arbitrary-rules.ts'

const count = process.env['SOAK'] ? 10_000 : 1000

/** A rule as it stands in a file: anything may be changed. */
interface Draft {
  [field: string]: unknown
  any: { all: { [field: string]: unknown }[] }[]
}

const many = <T>(length: number, item: T): T[] => Array.from({ length }, () => structuredClone(item))
const literal = { field: 'a', op: 'eq', field_type: 'numeric', value: 1, field_ref: undefined }

/** Each spoils one thing; the field that has to be named, of the condition where it begins with a dot. */
const faults: readonly (readonly [field: string, spoil: (rule: Draft, condition: Record<string, unknown>) => void])[] =
  [
    ['name', rule => delete rule['name']],
    ['name', rule => Object.assign(rule, { name: '' })],
    ['name', rule => Object.assign(rule, { name: 'n'.repeat(129) })],
    ['name', rule => Object.assign(rule, { name: 'bell\u0007' })],
    ['description', rule => Object.assign(rule, { description: 7 })],
    ['state', rule => Object.assign(rule, { state: 'on' })],
    ['dry_run', rule => Object.assign(rule, { dry_run: 'yes' })],
    ['action', rule => Object.assign(rule, { action: 'explode' })],
    ['action', rule => delete rule['action']],
    ['sample_rate', rule => Object.assign(rule, { sample_rate: 1.01 })],
    ['sample_rate', rule => Object.assign(rule, { sample_rate: -1 })],
    ['scope', rule => delete rule['scope']],
    ['scope.tags[0]', rule => Object.assign(rule, { scope: { tags: ['two words'] } })],
    ['scope.tags', rule => Object.assign(rule, { scope: { tags: many(33, 'a') } })],
    ['scope.exclude_tags[0]', rule => Object.assign(rule, { scope: { tags: [], exclude_tags: ['ends:'] } })],
    ['mask', rule => Object.assign(rule, { mask: ['/a'] })],
    ['schema_version', rule => Object.assign(rule, { schema_version: 2 })],
    ['actoin', rule => Object.assign(rule, { actoin: 'drop' })],
    ['any', rule => Object.assign(rule, { any: [] })],
    ['any', rule => Object.assign(rule, { any: many(33, { all: [literal] }) })],
    ['any[0].all', rule => Object.assign(rule.any[0]!, { all: [] })],
    ['any[0].all', rule => Object.assign(rule.any[0]!, { all: many(33, literal) })],
    ['.field', (_, condition) => delete condition['field']],
    ['.field', (_, condition) => Object.assign(condition, { field: 'a[' })],
    ['.field', (_, condition) => Object.assign(condition, { field: many(65, 'a') })],
    ['.field', (_, condition) => Object.assign(condition, { field: ['*', '*', '*'] })],
    ['.op', (_, condition) => Object.assign(condition, { op: 'like' })],
    ['.field_type', (_, condition) => Object.assign(condition, literal, { field_type: 'integer' })],
    ['.field_type', (_, condition) => Object.assign(condition, literal, { op: 'gt', field_type: 'text' })],
    ['.value', (_, condition) => Object.assign(condition, literal, { value: null })],
    ['.value', (_, condition) => Object.assign(condition, literal, { value: 2 ** 53 })],
    ['.value', (_, condition) => Object.assign(condition, literal, { value: 'seven' })],
    ['.value', (_, condition) => Object.assign(condition, literal, { op: 'in', value: [] })],
    ['.on_missing_field', (_, condition) => Object.assign(condition, { on_missing_field: 'ignore' })],
    ['.on_coercion_fail', (_, condition) => Object.assign(condition, { on_coercion_fail: '' })],
  ]

describe(`${count} bad rules among good ones`, function () {
  this.timeout(60_000)
  const rulesOf = (seed: number, size: number) =>
    fc.sample(ruleSets, { seed, numRuns: size }).flatMap(([rule], index) => {
      const draft = { name: `rule ${index}`, action: 'drop', scope: { tags: [] }, state: 'active', any: rule!.any }
      const parsed = parseRule(structuredClone(draft))
      // What no author can write, as half a character, is not what this is about.
      return parsed.rule ? [parsed.rule] : []
    })

  it('are each refused at the first thing that is wrong, and the good ones are read', () => {
    const good = rulesOf(5, count / 10)
    assert.ok(good.length > count / 20)
    const lines: string[] = []
    const expected: string[] = []
    for (let i = 0; i < count; i++) {
      const [field, spoil] = faults[i % faults.length]!
      const bad = JSON.parse(rulesText([good[i % good.length]!], 'json'))[0] as Draft
      spoil(bad, bad.any[0]?.all[0] ?? {})
      lines.push(`- ${JSON.stringify(bad)}`)
      expected.push(field.startsWith('.') ? `any[0].all[0]${field}` : field)
      if (i % 10 === 0 && i / 10 < good.length) lines.push(`- ${JSON.stringify(good[i / 10])}`)
    }
    const parsed = parseRuleFile({ file: 'rules.yaml', text: lines.join('\n') })
    assert.equal(parsed.rules.length, Math.min(good.length, count / 10))
    const firstOfLine = new Map<number, string>()
    for (const fault of parsed.faults) {
      const [, line, message] = /^rules\.yaml:(\d+):\d+: (.*)$/s.exec(fault)!
      if (!firstOfLine.has(Number(line))) firstOfLine.set(Number(line), message!)
    }
    const told = [...firstOfLine].sort(([a], [b]) => a - b).map(([, message]) => message)
    assert.equal(told.length, count)
    for (const [i, message] of told.entries())
      assert.ok(message.includes(`\`${expected[i]}`), `${expected[i]}: ${message}`)
  })

  it('that come over the wire all the same stay out of force, each with its reason, and no good one with them', () => {
    const good = rulesOf(6, count / 10).map((rule, i) => ({
      ...rule,
      rule_id: `good ${i}`,
      version: 1,
      created_at: '2026-11-21T10:00:00.000Z',
    }))
    const sent = sendOrder(good)
    const broken = (i: number) => {
      const rule = structuredClone(sent[i % sent.length]!) as unknown as Draft
      const condition = rule.any[0]!.all[0]!
      const kinds = [
        () => Object.assign(rule, { any: [] }),
        () => Object.assign(rule.any[0]!, { all: [] }),
        () => Object.assign(rule, { action: 'pass' }),
        () => Object.assign(rule, { sample_rate: Number.NaN }),
        () => Object.assign(condition, { field: [] }),
        () => Object.assign(condition, { op: undefined }),
        () => Object.assign(condition, { ...literal, field: ['a'], field_type: undefined }),
        () => Object.assign(condition, { ...literal, field: ['a'], value: 'seven' }),
      ]
      kinds[i % kinds.length]!()
      return { ...rule, rule_id: `bad ${i}` }
    }
    const bad = Array.from({ length: count }, (_, i) => broken(i))
    const mixed = bad.flatMap((rule, i) => (i < sent.length ? [rule, sent[i]!] : [rule])) as typeof sent
    const { set, faults } = compileRules(mixed)
    assert.deepEqual(
      set.rules.map(({ rule }) => rule.rule_id),
      sent.map(({ rule_id }) => rule_id),
    )
    assert.deepEqual(
      faults.map(({ rule_id }) => rule_id),
      bad.map(({ rule_id }) => rule_id),
    )
    assert.ok(faults.every(({ message }) => message.length > 10))
  })
})
