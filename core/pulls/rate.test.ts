import assert from 'node:assert/strict'
import fc from 'fast-check'
import { advanceRate, bytesPerSecOf, firstRate, rateWindowMs } from './rate.ts'

/** Looks at a steady pace: `bytes[i]` arrived between look i and look i+1. */
function looked(everyMs: number, bytes: readonly number[]) {
  return bytes.reduce((rate, newBytes, index) => advanceRate(rate, (index + 1) * everyMs, newBytes), firstRate(0))
}

describe('rate', () => {
  for (const { name, everyMs, bytes, expected } of [
    { name: 'is not known after one look', everyMs: 1000, bytes: [], expected: undefined },
    { name: 'is what arrived between two looks', everyMs: 2000, bytes: [4000], expected: 2000 },
    { name: 'forgets what is older than the window', everyMs: 2000, bytes: [90_000, 0, 0, 0, 0, 0], expected: 0 },
    { name: 'is zero when nothing arrives', everyMs: 1000, bytes: [0, 0], expected: 0 },
    {
      name: 'spans two looks that are rarer than the window',
      everyMs: 60_000,
      bytes: [60_000, 120_000],
      expected: 2000,
    },
  ]) {
    it(name, () => assert.equal(bytesPerSecOf(looked(everyMs, bytes)), expected))
  }

  it('starts again when the clock of the node goes back', () => {
    const rate = advanceRate(looked(1000, [1000, 1000]), 500, 700)
    assert.equal(bytesPerSecOf(rate), undefined)
    assert.equal(rate.fetchedBytes, 2700)
  })

  it('remembers when the last byte came', () => {
    assert.equal(looked(1000, [10, 10, 0, 0]).lastByteAtMs, 2000)
  })

  it('stays small and near the truth at any pace of a steady flow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 5000 }), fc.integer({ min: 1, max: 1e6 }), (everyMs, bytesPerLook) => {
        const looks = Math.ceil((3 * rateWindowMs) / everyMs)
        const rate = looked(everyMs, new Array(looks).fill(bytesPerLook))
        assert.ok(rate.samples.length <= 20, `${rate.samples.length} samples`)
        const truth = (bytesPerLook * 1000) / everyMs
        assert.ok(Math.abs(bytesPerSecOf(rate)! - truth) < 1e-6 * truth)
      }),
    )
  })
})
