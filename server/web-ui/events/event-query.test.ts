import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatPath } from '../../../core/rules/path.ts'
import { actions, matchKinds } from '../../../core/rules/rule.ts'
import { parseEventQuery, parseWholeQuery, queryOf } from './event-query.ts'

const nowMs = Date.UTC(2026, 0, 31)
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const trimmed = text.map(value => value.trim()).filter(value => value !== '')

/** Addresses with any of the conditions, each right. */
const queries = fc
  .record(
    {
      since: fc.constant('2026-01-02T03:04'),
      until: fc.constant('2026-01-30T00:00:00.5+01:00'),
      within: fc.constantFrom('15m', '30d'),
      rule: trimmed,
      action: fc.constantFrom(...actions),
      configured: fc.constantFrom(...actions),
      dry_run: fc.constantFrom('yes', 'no'),
      kind: fc.constantFrom(...matchKinds),
      tag: trimmed,
      sensor: trimmed,
      key: trimmed,
      path: fc
        .array(fc.oneof(text, fc.nat(999)), { minLength: 1, maxLength: 4 })
        .map(path => formatPath(['first', ...path])),
      value: text,
      metadata: trimmed.map(value => `key=${value}`),
      text,
    },
    { requiredKeys: [] },
  )
  .map(conditions => new URLSearchParams(conditions as Record<string, string>))

describe('the address of a search', () => {
  it('is read from its own words again as it was, each condition of it', () => {
    fc.assert(
      fc.property(queries, query => {
        const filter = parseWholeQuery(query, nowMs)
        assert.deepEqual(filter, parseEventQuery(query, nowMs))
        assert.deepEqual(parseWholeQuery(queryOf(filter), 0), filter)
        const said = queryOf(filter)
        for (const name of query.keys()) assert.ok(name === 'within' || said.has(name), name)
      }),
      { numRuns: 300 },
    )
  })

  for (const { query, path, message } of [
    { query: 'within=30d&rule_id=x', path: 'rule_id', message: '"rule_id" is no condition of a search' },
    { query: 'tagg=a', path: 'tagg', message: '"tagg" is no condition of a search' },
    { query: 'Tag=a', path: 'Tag', message: '"Tag" is no condition of a search' },
    { query: 'cursor=a', path: 'cursor', message: '"cursor" is no condition of a search' },
    { query: 'tag=a&tag=b', path: 'tag', message: '`tag` must be there once, got it 2 times' },
    { query: 'tag=a&tag=a', path: 'tag', message: '`tag` must be there once, got it 2 times' },
    { query: 'tag=', path: 'tag', message: '`tag` must be left out, or not be blank' },
    { query: 'tag=%20', path: 'tag', message: '`tag` must be left out, or not be blank' },
    { query: 'rule=%09', path: 'rule', message: '`rule` must be left out, or not be blank' },
    { query: 'value=', path: 'value', message: '`value` must be left out, or not be blank' },
    { query: 'since=yesterday', path: 'since', message: "`since` must be a time such as '2026-11-22T08:00'" },
  ]) {
    it(`is refused as a whole with ${query}`, () => {
      assert.throws(
        () => parseWholeQuery(new URLSearchParams(query), nowMs),
        (error: Error & { code: string; details: { path: string } }) => {
          assert.deepEqual([error.code, error.details.path, error.message], ['invalid', path, message])
          return true
        },
      )
    })
  }

  it('may look for a blank in a record', () => {
    assert.equal(parseWholeQuery(new URLSearchParams('text=+'), nowMs).text, ' ')
  })
})
