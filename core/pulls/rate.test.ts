import assert from 'node:assert/strict'
import fc from 'fast-check'
import { advanceRate, bytesPerSecOf, fetchedBytesOf, firstRate, lastByteAtMsOf, rateWindowMs } from './rate.ts'

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
    assert.equal(fetchedBytesOf(rate), 2700)
  })

  it('remembers when the last byte came', () => {
    assert.equal(lastByteAtMsOf(looked(1000, [10, 10, 0, 0])), 2000)
  })

  it('is the same for a look, whatever later looks at the pull have found, and for each that goes on from it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { maxLength: 60 }), fc.nat(3000), (bytes, everyMs) => {
        const first = looked(everyMs, bytes)
        const told = [bytesPerSecOf(first), fetchedBytesOf(first), lastByteAtMsOf(first)]
        const atMs = (bytes.length + 1) * everyMs
        const one = advanceRate(first, atMs, 100)
        const other = advanceRate(first, atMs, 7)
        assert.deepEqual([bytesPerSecOf(first), fetchedBytesOf(first), lastByteAtMsOf(first)], told)
        const fetched = bytes.reduce((sum, more) => sum + more, 0)
        assert.deepEqual([fetchedBytesOf(one), fetchedBytesOf(other)], [fetched + 100, fetched + 7])
      }),
    )
  })

  it('stays small and near the truth at any pace of a steady flow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 5000 }), fc.integer({ min: 1, max: 1e6 }), (everyMs, bytesPerLook) => {
        const looks = Math.ceil((3 * rateWindowMs) / everyMs)
        const rate = looked(everyMs, new Array(looks).fill(bytesPerLook))
        const samples = (rate.end - rate.start) / 3
        assert.ok(samples <= 20, `${samples} samples`)
        assert.ok(rate.samples.length <= 70, `${rate.samples.length} places`)
        const truth = (bytesPerLook * 1000) / everyMs
        assert.ok(Math.abs(bytesPerSecOf(rate)! - truth) < 1e-6 * truth)
      }),
    )
  })
})
