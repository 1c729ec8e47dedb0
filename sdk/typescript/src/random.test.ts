import assert from 'node:assert/strict'
import { createRandom } from './random.ts'

describe('createRandom', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    const take = (random: () => number) => Array.from({ length: 20 }, random)
    const numbers = take(createRandom([1, 2, 3]))
    assert.deepEqual(take(createRandom([1, 2, 3])), numbers)
    assert.notDeepEqual(take(createRandom([1, 2, 4])), numbers)
    assert.notDeepEqual(take(createRandom()), take(createRandom()))
  })

  it('gives numbers from 0 to below 1, evenly', () => {
    const random = createRandom([7, 7, 7])
    const buckets = new Array<number>(16).fill(0)
    for (let n = 0; n < 160_000; n++) buckets[Math.floor(random() * 16)]!++
    // Five standard deviations of 10,000 expected.
    for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 490, String(count))
  })
})
