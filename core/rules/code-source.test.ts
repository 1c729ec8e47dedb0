import assert from 'node:assert/strict'
import fc from 'fast-check'
import { aRule, checked, sent } from './build.fake.ts'
import { isForCode, sourceOf } from './code-source.ts'
import { compileRules } from './compile.ts'
import { sentRule } from './sent.ts'

const all = (...conditions: readonly object[]) => [{ all: conditions }]
const compiled = (any: unknown, stored: object = {}) =>
  compileRules([sentRule(aRule({ any, ...stored }))], 'never').set.rules[0]!

const hostile = fc.constantFrom(
  ...["'", '"', '`', '\\', '\u2028', '\n', '\0', '*/', '//', '\x24{1}', ']', ';', '\ud83d', 'é', '*', ''],
  ...['constructor', '__proto__', 'toString', 'r', 'c', 'c0', 'f0', 'group', 'class', 'return', 'a b', '0', 'ok'],
  ...["'];throw 1//", 'a;throw 1;', 'x\nthrow 1', '"+process.exit()+"', '\x24{process.exit()}', '\\u0027;throw 1'],
)
const keys = fc.oneof(
  hostile.filter(text => text !== ''),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }),
)
const segments = keys.map(key => (key === '*' ? { key } : key))
const paths = fc.array(segments, { minLength: 1, maxLength: 3 })
const texts = fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 12 }))
const numbers = fc.double({ noNaN: true, noDefaultInfinity: true })
const conditions = fc.oneof(
  fc.record({ field: paths, op: fc.constantFrom('eq', 'neq'), field_type: fc.constant('text'), value: texts }),
  fc.record({
    field: paths,
    op: fc.constantFrom('prefix', 'suffix', 'contains'),
    field_type: fc.constant('text'),
    value: texts.filter(text => text !== ''),
  }),
  fc.record({
    field: paths,
    op: fc.constant('in'),
    field_type: fc.constant('text'),
    value: fc.array(texts, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ field: paths, op: fc.constantFrom('gt', 'lte'), field_type: fc.constant('numeric'), value: numbers }),
  fc.record({ field: paths, op: fc.constant('exists') }),
)
const groups = fc.array(conditions, { minLength: 1, maxLength: 3 })

type Path = readonly (string | { readonly key: string })[]

/** A record with that value at the end of the path, and nothing else. */
function recordWith(path: Path, value: unknown): unknown {
  const [first, ...rest] = path
  if (first === undefined) return value
  return Object.fromEntries([[typeof first === 'string' ? first : first.key, recordWith(rest, value)]])
}

describe('sourceOf', () => {
  it('has nothing of a rule in its text but names of letters, and numbers', () => {
    fc.assert(
      fc.property(groups, any => {
        const { text } = sourceOf([compiled(all(...any))])
        const named = text.replaceAll(/'(string|number|boolean)'/g, '')
        assert.match(named, /^[A-Za-z0-9_ \n?.,;:=<>!&|(){}[\]+-]*$/)
        for (const [, name] of named.matchAll(/(?<=\.)([A-Za-z_]\w*)/g)) {
          const isOurs = /^(has|length|charCodeAt|startsWith|endsWith|includes)$/.test(name!)
          assert.ok(isOurs || any.some(({ field }) => (field as unknown[]).includes(name)), name)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('finds fields and texts of any name, and says what the closures say', () => {
    fc.assert(
      fc.property(groups, fc.oneof(texts, numbers), fc.nat(2), (any, other, at) => {
        const rules = [sent({ any: all(...any) })]
        const condition = any[at % any.length]!
        const near = 'value' in condition ? [condition.value].flat() : []
        for (const value of [...near, `${near[0]}x`, `x${near[0]}`, other, null, true]) {
          const record = recordWith(condition.field, value)
          const [steps, code] = (['never', 'at once'] as const).map(use => checked(rules, record, undefined, use))
          assert.deepEqual(code!.matches, steps!.matches)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('lets a record through without a match on its own word', () => {
    const any = all({ field: ['a', "'"], op: 'prefix', field_type: 'text', value: 'unlikely' })
    const { set } = checked([sent({ any })], {}, undefined, 'at once')
    assert.deepEqual(
      [{}, { a: { "'": 'likely' } }, { a: { "'": 'unlikely or not' } }, { a: { "'": 7 } }].map(record =>
        set.screen.mayMatch(record),
      ),
      [false, false, true, true],
    )
  })
})

describe('isForCode', () => {
  const hot = { field: ['t'], op: 'gt', field_type: 'numeric', value: 100 }
  const rows: readonly [name: string, rule: ReturnType<typeof compiled>, expected: boolean][] = [
    ['a comparison', compiled(all(hot)), true],
    ['a rule that is sampled', compiled(all(hot), { sample_rate: 0.5 }), false],
    ['a policy for what is missing', compiled(all({ ...hot, on_missing_field: 'match' })), false],
    ['a wildcard', compiled(all({ ...hot, field: ['t', '*'] })), false],
    ['an index', compiled(all({ ...hot, field: ['t', 0] })), false],
    ['is_null', compiled(all({ field: ['t'], op: 'is_null' })), false],
    ['a wildcard behind a comparison', compiled(all(hot, { ...hot, field: ['t', '*'] })), true],
    ['a second group with a wildcard', compiled([...all(hot), ...all({ ...hot, field: ['t', '*'] })]), false],
  ]
  for (const [name, rule, expected] of rows)
    it(`${expected ? 'takes' : 'refuses'} ${name}`, () => assert.equal(isForCode(rule), expected))
})
