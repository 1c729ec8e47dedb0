import assert from 'node:assert/strict'
import { Lru } from './lru.ts'

describe('Lru', () => {
  it('forgets what was not asked for longest', () => {
    const lru = new Lru<string, number>(2)
    lru.set('a', 1)
    lru.set('b', 2)
    assert.equal(lru.get('a'), 1)
    lru.set('c', 3)
    assert.deepEqual(
      ['a', 'b', 'c'].map(key => lru.get(key)),
      [1, undefined, 3],
    )
    assert.equal(lru.size, 2)
  })

  it('replaces a value without forgetting another', () => {
    const lru = new Lru<string, number>(2)
    lru.set('a', 1)
    lru.set('b', 2)
    lru.set('a', 3)
    assert.deepEqual([lru.get('a'), lru.get('b')], [3, 2])
  })
})
