import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fieldTypes, operators, type SentRule } from '../../../../core/rules/rule.ts'
import type * as wire from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { Rule } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { ruleToWire } from '../../../../server/sensor-api/sync-rules/to-wire.ts'
import { sentRule, wireRule } from '../../../../test/sdk/open-sensor.fake.ts'
import { fromWire } from './from-wire.ts'

const text = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' })
const segment = fc.oneof(
  text.map(key => (key === '*' ? { key: '*' as const } : key)),
  fc.nat(2 ** 31 - 1),
  fc.constant('*' as const),
  fc.constant({ key: '*' as const }),
)
const path = fc.array(segment, { minLength: 1, maxLength: 5 })
const policy = fc.constantFrom('skip', 'match', 'fail')
const literal = fc.oneof(
  text,
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.array(text, { minLength: 1 }),
  fc.array(fc.double({ noNaN: true }), { minLength: 1 }),
)
const common = { field: path, on_missing_field: policy, on_coercion_fail: policy }
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true })
const condition = fc.oneof(
  plain({ ...common, op: fc.constantFrom('exists', 'is_null'), field_type: fc.constant('any') }),
  plain({
    ...common,
    op: fc.constantFrom(...operators.slice(0, 10)),
    field_type: fc.constantFrom(...fieldTypes),
    value: literal,
  }),
  plain({ ...common, op: fc.constant('eq'), field_type: fc.constantFrom(...fieldTypes), field_ref: path }),
)
const rule = plain({
  rule_id: fc.uuid({ version: 7 }),
  version: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
  name: text,
  action: fc.constantFrom('observe', 'drop', 'fail'),
  sample_rate: fc.double({ min: 0, max: 1, noNaN: true }),
  tags: fc.array(fc.constantFrom('production', 'region:us-west-2', 'a:b:c')),
  any: fc.array(plain({ all: fc.array(condition, { minLength: 1, maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  score: fc.nat(),
  created_at: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map(date => date.toISOString()),
}) as fc.Arbitrary<SentRule>

describe('fromWire', () => {
  it('gives back what the server sent, through the bytes of the wire', () => {
    fc.assert(
      fc.property(rule, sent => {
        const { rules, faults } = fromWire([Rule.decode(Rule.encode(ruleToWire(sent)).finish())])
        assert.deepEqual(faults, [])
        assert.deepEqual(rules, [sent])
      }),
      { numRuns: 300 },
    )
  })

  const conditionOf = (changes: Partial<wire.Condition>): wire.Rule => {
    const rule = wireRule()
    const [group] = rule.andGroups as [wire.AndGroup]
    return { ...rule, andGroups: [{ ...group, conditions: [{ ...group.conditions[0]!, ...changes }] }] }
  }

  it('takes unspecified policies for skip', () => {
    const { rules } = fromWire([conditionOf({ onMissingField: 0, onCoercionFail: 0 })])
    const { on_missing_field, on_coercion_fail } = rules[0]!.any[0]!.all[0]!
    assert.deepEqual([on_missing_field, on_coercion_fail], ['skip', 'skip'])
  })

  for (const [name, bad, message] of [
    ['no action', { ...wireRule(), action: 0 }, 'action must be set'],
    [
      'an action of later versions',
      { ...wireRule(), action: 9 as never },
      'action is 9, which this sensor does not know',
    ],
    ['no operator', conditionOf({ op: 0 }), 'any[0].all[0].op must be set'],
    ['an unknown operator', conditionOf({ op: 99 as never }), /op is 99/],
    ['no field type', conditionOf({ fieldType: 0 }), 'any[0].all[0].field_type must be set'],
    ['an unknown policy', conditionOf({ onMissingField: 7 as never }), /on_missing_field is 7/],
    ['no path', conditionOf({ fieldPath: undefined }), 'any[0].all[0].field must have a segment'],
    ['an empty path', conditionOf({ fieldPath: { segments: [] } }), 'any[0].all[0].field must have a segment'],
    ['an unknown segment', conditionOf({ fieldPath: { segments: [{}] } }), /field\[0\] is a kind of segment/],
    [
      'a negative index',
      conditionOf({ fieldPath: { segments: [{ arrayIndex: -1 }] } }),
      /must be an index from 0, got -1/,
    ],
    ['neither value nor field_ref', conditionOf({ value: undefined }), /must have a value or a field_ref/],
    ['both', conditionOf({ fieldRef: { segments: [{ fieldName: 'a' }] } }), /must not have both/],
    ['null as a value', conditionOf({ value: { nullValue: 0 } }), /a kind of value/],
    ['a sample rate of 2', { ...wireRule(), sampleRate: 2 }, 'sample_rate must be from 0 to 1, got 2'],
    ['masks', { ...wireRule(), maskPointers: ['/a'] }, /cannot mask/],
  ] as const) {
    it(`leaves out a rule with ${name}, and keeps the others`, () => {
      const { rules, faults } = fromWire([bad as wire.Rule, wireRule()])
      assert.equal(rules.length, 1)
      assert.deepEqual([faults[0]!.rule_id, faults[0]!.version], [bad.ruleId, 3])
      if (typeof message === 'string') assert.equal(faults[0]!.message, message)
      else assert.match(faults[0]!.message, message)
    })
  }

  it('does not mind a time that cannot be written', () => {
    const { rules } = fromWire([{ ...wireRule(), createdAt: { seconds: 2 ** 52, nanos: 0 } }])
    assert.equal(rules[0]!.created_at, '')
  })

  it('ignores a type beside exists', () => {
    const exists = ruleToWire(sentRule('observe', { op: 'exists' }))
    delete (exists.andGroups[0]!.conditions[0] as Partial<wire.Condition>).value
    assert.equal(fromWire([exists]).rules[0]!.any[0]!.all[0]!.field_type, 'any')
  })
})
