import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { all, aRule } from './build.fake.ts'
import { canonicalJson, etagOf } from './etag.ts'
import type { Rule } from './rule.ts'
import { sendOrder } from './sent.ts'

const limits = { max_request_bytes: 64_000_000 }
const etag = (rules: readonly Rule[], more: object = {}) =>
  etagOf({ rules: sendOrder(rules), limits, masks: [], ...more })
const condition = (value: unknown) => ({ field: ['t'], op: 'eq', field_type: 'numeric', value })

describe('etagOf', () => {
  const before = etag([aRule()])

  it('is v1- and a SHA-256 in base64url', () => assert.match(before, /^v1-[A-Za-z0-9_-]{43}$/))

  const changes: readonly [what: string, after: string][] = [
    ['a name', etag([aRule({ name: 'other' })])],
    ['a version, as when an edit was taken back', etag([aRule({}, { version: 3 })])],
    ['an action', etag([aRule({ action: 'drop' })])],
    ['a state', etag([aRule({ state: 'disabled' })])],
    ['a literal', etag([aRule({ any: all(condition(2)) })])],
    ['a sample rate', etag([aRule({ sample_rate: 0.5 })])],
    ['scope tags', etag([aRule({ scope: { tags: ['a'] } })])],
    ['the time of creation', etag([aRule({}, { created_at: '2026-02-01T00:00:00Z' })])],
    ['a limit', etag([aRule()], { limits: { max_request_bytes: 1 } })],
    ['a mask', etag([aRule()], { masks: ['/a'] })],
    ['a rule more', etag([aRule(), aRule({}, { rule_id: 's' })])],
    ['the last rule', etag([])],
  ]
  for (const [what, after] of changes) it(`changes with ${what}`, () => assert.notEqual(after, before))

  it('changes when a dry run begins and ends', () => {
    const [dropping, dry] = [{ action: 'drop' }, { action: 'drop', dry_run: true }]
    assert.notEqual(etag([aRule(dropping)]), etag([aRule(dry)]))
    assert.equal(etag([aRule(dropping)]), etag([aRule({ ...dry, dry_run: false })]))
  })

  it('is the same for what never reaches a sensor', () => {
    assert.equal(etag([aRule({ description: 'why' })]), before)
    assert.equal(etag([aRule({ scope: { tags: [], exclude_tags: ['x'] } })]), before)
    assert.equal(etag([aRule(), aRule({ state: 'draft' }, { rule_id: 's' })]), before)
  })

  it('is the same for -0 and 0, and for 1.0 and 1', () => {
    const of = (value: unknown) => etag([aRule({ any: all(condition(value)) })])
    assert.equal(of(-0), of(0))
    assert.equal(of(JSON.parse('1.0')), of(1))
    assert.equal(of('1.0'), of(1))
  })

  it('is the same in whatever order tags, masks and rules came', () => {
    const tagged = (tags: string[]) => aRule({ scope: { tags } }, { rule_id: 's' })
    assert.equal(etag([aRule(), tagged(['a', 'b'])]), etag([tagged(['b', 'a', 'b']), aRule()]))
    assert.equal(etag([aRule()], { masks: ['/b', '/a'] }), etag([aRule()], { masks: ['/a', '/b'] }))
  })

  it('is the same after rules were written down and read again', () => {
    const rules = [aRule({ sample_rate: 0.1, any: all(condition(1e-7)) })]
    assert.equal(etag(JSON.parse(JSON.stringify(rules)) as Rule[]), etag(rules))
  })

  it('is the hash of this text, which every server of any version writes', () => {
    const text =
      '{"limits":{"max_request_bytes":64000000},"masks":[],"protocol_version":1,"rules":[{"action":"observe","any":[{"all":[' +
      '{"field":["t"],"field_type":"numeric","on_coercion_fail":"skip","on_missing_field":"skip","op":"gt","value":100}]}],' +
      '"created_at":"2026-01-31T08:00:00Z","name":"r","rule_id":"r","sample_rate":1,"scope":{"tags":[]},"score":11,"version":1}]}'
    assert.equal(before, `v1-${createHash('sha256').update(text).digest('base64url')}`)
  })
})

describe('canonicalJson', () => {
  it('sorts keys by UTF-16 unit and prints numbers as ECMAScript does (RFC 8785)', () => {
    const value = {
      '\ufb33': 1,
      '😀': 2,
      '€': 3,
      '1': [1e21, 1e-7, 100, -0, 4.5],
      a: { c: 'é\n', b: null },
      u: undefined,
    }
    assert.equal(canonicalJson(value), '{"1":[1e+21,1e-7,100,0,4.5],"a":{"b":null,"c":"é\\n"},"€":3,"😀":2,"\ufb33":1}')
  })

  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 5n, () => 1, undefined]) {
    it(`refuses ${String(value)}, which JSON cannot say`, () => assert.throws(() => canonicalJson([value]), TypeError))
  }

  it('does not depend on the order of keys, and means the same as the value', () => {
    const json = fc.jsonValue({ maxDepth: 4 })
    fc.assert(
      fc.property(json, value => {
        const turned = reversed(value)
        assert.equal(canonicalJson(turned), canonicalJson(value))
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 500 },
    )
  })
})

/** The same value with the keys of every object the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).reverse()
  return Object.fromEntries(fields.map(([key, item]) => [key, reversed(item)]))
}
