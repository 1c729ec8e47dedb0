import assert from 'node:assert/strict'
import fc from 'fast-check'
import { retryInfoBytes } from '../../../../test/sdk/retry-info.fake.ts'
import { retryDelayMs } from './retry-info.ts'

describe('retryDelayMs', () => {
  it('finds the delay among other details', () => {
    for (const ms of [0, 1, 999, 2_500, 60_000]) assert.equal(retryDelayMs(retryInfoBytes(8, 'busy', ms)), ms)
  })

  it('says nothing without one, and of garbage', () => {
    assert.equal(retryDelayMs(new Uint8Array()), undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        const ms = retryDelayMs(bytes)
        assert.ok(ms === undefined || ms >= 0)
      }),
      { numRuns: 500 },
    )
  })

  it('survives any change of one byte', () => {
    const good = retryInfoBytes(8, 'busy', 2_500)
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const bad = Buffer.from(good)
        bad[at] = byte
        retryDelayMs(bad)
      }),
      { numRuns: 500 },
    )
  })
})
