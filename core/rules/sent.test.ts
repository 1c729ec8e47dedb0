import assert from 'node:assert/strict'
import { all, aRule } from './build.fake.ts'
import { sendOrder, sentRule } from './sent.ts'

const strict = {
  field: ['t'],
  op: 'gt',
  field_type: 'numeric',
  value: 1,
  on_missing_field: 'fail',
  on_coercion_fail: 'fail',
}

describe('sentRule', () => {
  it('makes a dry run observe, and its fail policies skip', () => {
    const { action, any } = sentRule(aRule({ action: 'drop', dry_run: true, any: all(strict) }))
    const { on_missing_field, on_coercion_fail } = any[0]!.all[0]!
    assert.deepEqual([action, on_missing_field, on_coercion_fail], ['observe', 'skip', 'skip'])
  })

  it('keeps a match policy in a dry run', () => {
    const { any } = sentRule(aRule({ dry_run: true, any: all({ ...strict, on_missing_field: 'match' }) }))
    assert.equal(any[0]!.all[0]!.on_missing_field, 'match')
  })

  it('leaves what is in earnest as it is, and what only the server needs out', () => {
    const rule = aRule({
      action: 'error',
      any: all(strict),
      description: 'why',
      scope: { tags: ['b', 'a'], exclude_tags: ['c'] },
    })
    assert.deepEqual(sentRule(rule), {
      ...{ rule_id: 'r', version: 1, name: 'r', action: 'fail', sample_rate: 1, tags: ['b', 'a'], any: rule.any },
      ...{ score: 11, created_at: '2026-01-31T08:00:00Z' },
    })
  })
})

describe('sendOrder', () => {
  it('has the cheapest rule first, ties by id, and only active ones', () => {
    const dear = all({ field: ['a', 'b', 'c'], op: 'exists' })
    const rules = [
      aRule({ any: dear }, { rule_id: 'a' }),
      aRule({}, { rule_id: 'c' }),
      aRule({}, { rule_id: 'b' }),
      aRule({ state: 'draft' }, { rule_id: 'd' }),
      aRule({ state: 'disabled' }, { rule_id: 'e' }),
    ]
    assert.deepEqual(
      sendOrder(rules).map(rule => rule.rule_id),
      ['b', 'c', 'a'],
    )
  })
})
