import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatBytes, formatPercent, formatRate, formatSeconds, formatShare, formatTook } from './format.ts'

const mib = 1024 * 1024

describe('formatBytes', () => {
  for (const [bytes, want] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [62.1 * mib, '62.1 MiB'],
    [99.96 * mib, '100 MiB'],
    [1023.4 * mib, '1023 MiB'],
    [1023.6 * mib, '1.0 GiB'],
  ] as const) {
    it(`writes ${bytes} as ${want}`, () => assert.equal(formatBytes(bytes), want))
  }
})

describe('formatShare', () => {
  for (const [bytes, total, want] of [
    [0, 0, '0/0 B'],
    [62.1 * mib, 100 * mib, '62.1/100 MiB'],
    [302.2 * mib, 1144 * mib, '302/1144 MiB'],
    [512, 20 * 1024 * mib, '0.0/20.0 GiB'],
    [101 * mib, 100 * mib, '100/100 MiB'],
  ] as const) {
    it(`writes ${bytes} of ${total} as ${want}`, () => assert.equal(formatShare(bytes, total), want))
  }
})

describe('formatPercent', () => {
  for (const [part, whole, want] of [
    [0, 100 * mib, '0 %'],
    [1, 100 * mib, 'under 1 %'],
    [1, 100, '1 %'],
    [62.4, 100, '62 %'],
    [99, 100, '99 %'],
    [100 * mib - 1, 100 * mib, 'over 99 %'],
    [100 * mib, 100 * mib, '100 %'],
  ] as const) {
    it(`writes ${part} of ${whole} as ${want}`, () => assert.equal(formatPercent(part, whole), want))
  }
})

describe('formatSeconds', () => {
  for (const [seconds, want] of [
    [-1, '0s'],
    [59.4, '59s'],
    [59.6, '1m00s'],
    [65, '1m05s'],
    [7380, '2h03m'],
    [90_000, '1d01h'],
    [1e9, '>99d'],
  ] as const) {
    it(`writes ${seconds} as ${want}`, () => assert.equal(formatSeconds(seconds), want))
  }
  it('writes tenths of what took less than ten seconds', () => {
    assert.deepEqual([formatTook(0.44), formatTook(9.94), formatTook(9.96)], ['0.4s', '9.9s', '10s'])
  })
})

it('figures keep within their columns', () => {
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.double({ min: 0, max: 1, noNaN: true }), (total, part) => {
      const bytes = Math.floor(total * part)
      assert.ok(formatShare(bytes, total).length <= 13, formatShare(bytes, total))
      assert.ok(formatRate(bytes).length <= 10, formatRate(bytes))
      assert.ok(formatSeconds(bytes).length <= 6, formatSeconds(bytes))
    }),
  )
})
