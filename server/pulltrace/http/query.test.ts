import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cursorOf, cursorParts, limit, parseQuery, time } from './query.ts'

describe('parseQuery', () => {
  const parameters = { limit: limit(10), since: time }
  const parse = (query: string) => parseQuery(new URLSearchParams(query), parameters, ['node'])

  it('reads what it knows, leaves what another reads, and takes an empty value for none', () => {
    assert.deepEqual(parse('limit=3&node=a&node=b&since='), { limit: 3 })
    assert.deepEqual(parse('since=2026-11-21T00:00:00%2B01:00'), { since: Date.parse('2026-11-20T23:00:00Z') })
  })

  it('never takes a name from the prototype for a parameter', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      assert.throws(() => parse(`${name}=1`), { code: 'invalid', message: /is not a parameter here/ })
    }
  })

  it('answers any query with values in their bounds, or with one fault that names a parameter', () => {
    fc.assert(
      fc.property(fc.webQueryParameters(), query => {
        try {
          const { limit = 1 } = parse(query)
          assert.ok(limit >= 1 && limit <= 10)
        } catch (error) {
          assert.equal((error as { code: string }).code, 'invalid')
        }
      }),
    )
  })
})

describe('cursorOf', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.integer())), parts =>
        assert.deepEqual(cursorParts(cursorOf(...parts)), parts),
      ),
    )
  })

  it('takes nothing else', () => {
    for (const text of ['', 'x', 'bnVsbA', 'e30']) assert.throws(() => cursorParts(text), { code: 'invalid' })
  })
})
