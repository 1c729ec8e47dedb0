import assert from 'node:assert/strict'
import { all, aRule } from './build.fake.ts'
import { costOf, scoreOf } from './cost.ts'

const t = { field: ['t'], op: 'gt', field_type: 'numeric', value: 1 }
const wild = { field: ['r', '*', 's'], op: 'eq', field_type: 'text', value: 'x' }

describe('costOf', () => {
  it('tells of what each score is made, and when it is tried', () => {
    const { conditions, score } = costOf(
      aRule({ any: all(wild, { ...t, value: undefined, field_ref: ['a', 'b'] }) }).any,
    )
    assert.equal(score, 256 + 31)
    assert.deepEqual(conditions, [
      { group: 0, condition: 0, position: 1, segments: 3, wildcards: 1, refSegments: 0, opPoints: 2, score: 256 },
      { group: 0, condition: 1, position: 0, segments: 1, wildcards: 0, refSegments: 2, opPoints: 1, score: 31 },
    ])
  })

  it('has the first condition of each group as the least, with wildcards that find one element', () => {
    assert.equal(costOf(aRule({ any: [...all(wild, t), ...all(wild)] }).any).min, 11 + 32)
  })

  it('has a thousand elements and every conversion as the most', () => {
    const exists = { field: ['a'], op: 'exists', field_type: 'any' }
    const flag = { field: ['a'], op: 'eq', field_type: 'boolean', value: true }
    assert.equal(costOf(aRule({ any: all(wild, t, exists, flag) }).any).max, 34_000 + 14 + 11 + 11)
  })

  it('agrees with the score that is sent', () => {
    const { any } = aRule({ any: [...all(wild, t), ...all(t)] })
    assert.equal(costOf(any).score, scoreOf(any))
  })
})
