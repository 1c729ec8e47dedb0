import assert from 'node:assert/strict'
import fc from 'fast-check'
import { all, checked, sent } from './build.fake.ts'
import { compileRules } from './compile.ts'
import { evaluate } from './evaluate.ts'
import { explain } from './explain.ts'

const numbers = fc.oneof(
  fc.constantFrom(0, -0, 1, 25, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 53n + 1n, 25n),
  fc.double(),
  fc.bigInt(),
)
const texts = fc.constantFrom('', '25', '25.0', ' 25', 'true', 'abc', '1e400', '9007199254740993', 'é', '😀', '\ud83d')
const scalars = fc.oneof(numbers, texts, fc.boolean(), fc.constantFrom(null, undefined))
const values = fc.oneof(scalars, fc.array(scalars, { maxLength: 3 }), fc.record({ k: scalars }))
const records = fc.record(
  { a: values, b: values, list: fc.array(fc.oneof(scalars, fc.record({ a: scalars }))) },
  { requiredKeys: [] },
)

const fields = fc.constantFrom(['a'], ['b'], ['list', '*'], ['list', '*', 'a'], ['a', 'k'], ['list', 0])
const policies = fc.constantFrom('skip', 'match')
const typed = fc.oneof(
  fc.record({ field_type: fc.constant('numeric'), value: fc.constantFrom(0, 1, 25, -1.5) }),
  fc.record({ field_type: fc.constant('text'), value: fc.constantFrom('', '25', 'true', 'abc', '😀') }),
  fc.record({ field_type: fc.constant('boolean'), value: fc.boolean() }),
  fc.record({ field_type: fc.constant('any'), value: fc.constantFrom<unknown>(25, '25', '25.0', 'abc', true) }),
  fc.record({
    field_type: fc.constantFrom('numeric', 'text', 'boolean', 'any'),
    field_ref: fc.constantFrom(['a'], ['b'], ['a', 'k']),
  }),
)
const equality = fc
  .tuple(fields, typed, fc.constantFrom('eq', 'neq'))
  .map(([field, type, op]) => ({ field, op, ...type }))
const presence = fc.tuple(fields, fc.constantFrom('exists', 'is_null')).map(([field, op]) => ({ field, op }))
const conditions = fc
  .tuple(fc.oneof(equality, presence), policies, policies)
  .map(([condition, on_missing_field, on_coercion_fail]) => ({ ...condition, on_missing_field, on_coercion_fail }))
const groups = fc.array(fc.array(conditions, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 })

const matches = (any: unknown, record: unknown) => checked([sent({ any })], record).action !== 'pass'
const holds = (any: object[][], record: unknown) =>
  matches(
    any.map(group => ({ all: group })),
    record,
  )

describe('rules', () => {
  it('have neq as the negation of eq for every value that converts, and both false for all others', () => {
    const single = fc.constantFrom(['a'], ['b'], ['a', 'k'])
    fc.assert(
      fc.property(single, typed, records, (field, type, record) => {
        const condition = (op: string) => ({ field, op, ...type })
        const [equal, differs] = [matches(all(condition('eq')), record), matches(all(condition('neq')), record)]
        const told = explain(sent({ any: all(condition('eq')) }), record).groups[0]!.conditions[0]!
        assert.equal(equal !== differs, told.policy === undefined)
        assert.ok(!(equal && differs))
      }),
      { numRuns: 1000 },
    )
  })

  it('give the same whatever the order of conditions and groups, where no policy fails', () => {
    fc.assert(
      fc.property(groups, records, (any, record) => {
        const turned = any.map(group => [...group].reverse()).reverse()
        assert.equal(holds(turned, record), holds(any, record))
      }),
      { numRuns: 500 },
    )
  })

  it('match when one group does, and a group when each of its conditions does', () => {
    fc.assert(
      fc.property(groups, records, (any, record) => {
        const byParts = any.some(group => group.every(condition => holds([[condition]], record)))
        assert.equal(holds(any, record), byParts)
      }),
      { numRuns: 500 },
    )
  })

  it('give for many rules at once what each gives alone', () => {
    fc.assert(
      fc.property(fc.array(groups, { maxLength: 4 }), fc.array(records, { maxLength: 3 }), (rules, all) => {
        const many = rules.map((any, at) => sent({ any: any.map(group => ({ all: group })) }, { rule_id: `${at}` }))
        const { set } = compileRules(many, 'at once')
        for (const record of all) {
          const together: string[] = []
          evaluate(set, record, Math.random, ({ rule }) => together.push(rule.rule_id))
          const alone = many.filter(rule => checked([rule], record).action !== 'pass').map(({ rule_id }) => rule_id)
          assert.deepEqual(together, alone)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('take any record at all', () => {
    const rules = [['a'], ['*'], ['*', '*'], ['a', '*', 0], ['length'], [0]].map(field =>
      sent({ any: all({ field, op: 'exists' }) }),
    )
    const sets = (['never', 'at once'] as const).map(code => compileRules(rules, code).set)
    const anything = fc.anything({
      withBigInt: true,
      withMap: true,
      withSet: true,
      withDate: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
    })
    const noError = (_: unknown, reason: unknown) => assert.fail(String(reason))
    fc.assert(
      fc.property(anything, record => {
        const [steps, code] = sets.map(set => evaluate(set, record, Math.random, () => {}, noError))
        assert.match(steps!, /^(pass|observe)$/)
        assert.equal(code, steps)
      }),
      { numRuns: 1000 },
    )
  })
})
