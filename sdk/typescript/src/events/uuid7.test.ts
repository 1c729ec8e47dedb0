import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Uuid7Source } from './uuid7.ts'

const msOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)

describe('Uuid7Source', () => {
  it('makes UUIDs of version 7 with the time in them', () => {
    const ids = new Uuid7Source(() => 1_795_000_000_123)
    for (let n = 0; n < 1_000; n++) {
      const id = ids.next()
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.equal(msOf(id), 1_795_000_000_123)
    }
  })

  it('makes ids that rise strictly, whatever the clock does', () => {
    const times = fc.array(fc.integer({ min: 1, max: 2 ** 47 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 400 }), (clock, each) => {
        let now = 0
        const ids = new Uuid7Source(() => now)
        let last = ''
        for (now of clock) {
          for (let n = 0; n < each; n++) {
            const id = ids.next()
            assert.ok(id > last)
            last = id
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  it('borrows from the next millisecond when one is used up', () => {
    const ids = new Uuid7Source(() => 1_000)
    const made = Array.from({ length: 4_097 }, () => ids.next())
    assert.deepEqual([msOf(made[4_095]!), msOf(made[4_096]!)], [1_000, 1_001])
    assert.equal(new Set(made).size, 4_097)
  })
})
