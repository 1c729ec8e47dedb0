import assert from 'node:assert/strict'
import { all, aRule, sent } from './build.fake.ts'
import { explain } from './explain.ts'
import { maxCandidates } from './explain-condition.ts'

const hot = { field: ['t'], op: 'gt', field_type: 'numeric', value: 100 }
const one = (condition: object, record: unknown) =>
  explain(sent({ any: all(condition) }), record).groups[0]!.conditions[0]!

describe('explain', () => {
  it('tells the value found, what it was read as, the result and the score', () => {
    const { candidates, ...told } = one(hot, { t: ' 1e3 ' })
    const found = { path: ['t'], found: true, value: ' 1e3 ', valueClass: 'string' }
    assert.deepEqual(candidates, [{ ...found, finding: 'holds', converted: 1000 }])
    const { result, kind, score, position, reached, policy } = told
    assert.deepEqual([result, kind, score, position, reached, policy], ['true', 'VALUE', 11, 0, true, undefined])
  })

  it('tells every element that a wildcard meets', () => {
    const { candidates, result } = one(
      { ...hot, field: ['r', '*', 't'] },
      { r: [{ t: 1 }, {}, { t: 'x' }, { t: 200 }, 7] },
    )
    assert.deepEqual(
      candidates.map(({ path, finding }) => [path[1], finding]),
      [
        [0, 'differs'],
        [1, 'missing'],
        [2, 'not convertible'],
        [3, 'holds'],
        [4, 'missing'],
      ],
    )
    assert.equal(result, 'true')
  })

  it('tells a hundred of many elements, and how many are left out', () => {
    const told = one({ ...hot, field: ['r', '*'] }, { r: Array.from({ length: 250 }, () => 1) })
    assert.deepEqual([told.candidates.length, told.candidatesLeftOut], [maxCandidates, 150])
  })

  it('names the policy that decided, also when it skipped', () => {
    const missing = one({ ...hot, on_missing_field: 'match' }, {})
    assert.deepEqual([missing.result, missing.kind, missing.policy], ['true', 'MISSING_MATCHED', 'on_missing_field'])
    const unconvertible = one(hot, { t: true })
    assert.deepEqual(
      [unconvertible.result, unconvertible.kind, unconvertible.policy],
      ['false', undefined, 'on_coercion_fail'],
    )
    const failed = one({ ...hot, field: ['r', '*'], on_coercion_fail: 'fail' }, { r: [null, 'x'] })
    assert.deepEqual([failed.result, failed.policy], ['error', 'on_coercion_fail'])
    assert.equal(one({ ...hot, field: ['r', '*'], on_coercion_fail: 'fail' }, { r: [1, 'x'] }).policy, undefined)
    assert.equal(one({ field: ['a'], op: 'exists' }, {}).policy, undefined)
  })

  it('tells the second field', () => {
    const { other, candidates } = one(
      { ...hot, op: 'eq', field_type: 'any', value: undefined, field_ref: ['m', 'x'] },
      { t: '5', m: { x: 5 } },
    )
    assert.deepEqual(other, { path: ['m', 'x'], found: true, value: 5, valueClass: 'number' })
    assert.equal(candidates[0]?.converted, 5)
  })

  it('tries what a check would not reach, and says so', () => {
    const cold = { ...hot, op: 'lt', value: 0 }
    const { groups, result } = explain(sent({ any: [{ all: [cold, hot] }, { all: [hot] }, { all: [hot] }] }), {
      t: 101,
    })
    assert.equal(result, 'true')
    assert.deepEqual(
      groups.map(group => [
        group.result,
        group.reached,
        group.conditions.map(({ result, reached }) => `${result} ${reached}`),
      ]),
      [
        ['false', true, ['false true', 'true false']],
        ['true', true, ['true true']],
        ['true', false, ['true false']],
      ],
    )
  })

  it('has conditions as their author wrote them, with the order in which they are tried', () => {
    const deep = { field: ['a', 'b'], op: 'exists' }
    const { conditions } = explain(sent({ any: all(deep, hot) }), { t: 101 }).groups[0]!
    assert.deepEqual(
      conditions.map(({ condition, position }) => [condition.op, position]),
      [
        ['exists', 1],
        ['gt', 0],
      ],
    )
  })

  it('ends with an error where a check would', () => {
    const strict = { ...hot, on_missing_field: 'fail' }
    const { result, action, groups } = explain(
      sent({ any: [...all(strict), ...all({ field: ['x'], op: 'is_null' })] }),
      {},
    )
    assert.deepEqual([result, action, groups[1]!.reached], ['error', 'fail', false])
  })

  it('takes a rule that nobody has stored yet', () => {
    const { result, action } = explain(aRule({ action: 'drop', state: 'draft', sample_rate: 0 }), { t: 101 })
    assert.deepEqual([result, action], ['true', 'drop'])
  })

  it('tells what a record throws', () => {
    const record = {
      get t(): never {
        throw new Error('no value today')
      },
    }
    const { result, groups } = explain(sent(), record)
    assert.deepEqual([result, groups[0]!.conditions[0]!.exception], ['false', 'Error: no value today'])
  })

  it('refuses a rule that cannot be put in force', () => {
    assert.throws(() => explain({ ...sent(), any: [] }, {}), {
      code: 'invalid',
      message: /`any` must be a list of 1 to 32/,
    })
  })
})
