import assert from 'node:assert/strict'
import fc from 'fast-check'
import { jsonOf } from './record-json.ts'

const textOf = (value: unknown, max = 10_000) => {
  const json = jsonOf(value, max)
  return 'text' in json ? json.text : json.failed
}

describe('jsonOf', () => {
  const shared = { a: 1 }
  for (const [name, value, json] of [
    ['nothing', undefined, 'null'],
    ['NaN', [Number.NaN], '[null]'],
    ['infinities', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], '["Infinity","-Infinity"]'],
    ['-0', -0, '0'],
    ['numbers as ECMAScript prints them', [1e21, 1e-7, 0.1, 100.0], '[1e+21,1e-7,0.1,100]'],
    ['bigints with all their digits', { n: 2n ** 70n }, '{"n":1180591620717411303424}'],
    ['times', new Date('2026-01-31T08:00:10.120Z'), '"2026-01-31T08:00:10.12Z"'],
    ['times without a fraction', new Date('2026-01-31T08:00:00Z'), '"2026-01-31T08:00:00Z"'],
    ['times that are none', new Date(Number.NaN), 'null'],
    ['sets and typed arrays', [new Set([1, 'a']), new Float64Array([1.5])], '[[1,"a"],[1.5]]'],
    [
      'maps',
      new Map<unknown, unknown>([
        ['a', 1],
        [2, new Map()],
      ]),
      '{"a":1,"2":{}}',
    ],
    ['bytes', Buffer.from('hello'), '"aGVsbG8="'],
    ['unpaired surrogates', { 'a\ud800': 'b\udc00c' }, '{"a\ufffd":"b\ufffdc"}'],
    ['what JSON leaves out', { a: undefined, b: () => {}, c: Symbol('c'), d: [undefined] }, '{"d":[null]}'],
    ['what toJSON says', { toJSON: () => ({ price: 3n }) }, '{"price":3}'],
    ['own fields only', Object.create({ inherited: 1 }, { own: { value: 1, enumerable: true } }), '{"own":1}'],
    ['the same object twice', [shared, shared], '[{"a":1},{"a":1}]'],
    ['control characters and quotes', '\u0000"\\\n', '"\\u0000\\"\\\\\\n"'],
  ] as const) {
    it(`writes ${name}`, () => assert.equal(textOf(value), json))
  }

  it('is what JSON.stringify says of what JSON has', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        assert.deepEqual(JSON.parse(textOf(value, 1e6)), JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 500 },
    )
  })

  it('writes JSON, or says why not, whatever it is given', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    })
    fc.assert(
      fc.property(anything, value => {
        const json = jsonOf(value, 1e6)
        if ('text' in json) JSON.parse(json.text)
        else assert.equal(json.failed, 'not_json')
      }),
      { numRuns: 500 },
    )
  })

  it('says of cycles, endless nesting and getters that throw that they are not JSON', () => {
    const cycle: unknown[] = []
    cycle.push({ cycle })
    const endless = () => ({ toJSON: endless })
    const throws = {
      get a() {
        throw new Error('no')
      },
    }
    for (const value of [cycle, endless(), throws]) assert.equal(textOf(value), 'not_json')
  })

  it('stops where the limit is', () => {
    assert.equal(textOf(['x'.repeat(7)], 11), '["xxxxxxx"]')
    assert.equal(textOf(['x'.repeat(8)], 11), 'too_large')
    let read = 0
    const items = Array.from({ length: 10_000 }, () => ({
      toJSON: () => {
        read++
        return 'x'.repeat(100)
      },
    }))
    assert.equal(textOf(items, 1_000), 'too_large')
    assert.ok(read < 15)
  })
})
