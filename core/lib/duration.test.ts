import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatDurationMs, parseDurationMs, parseDurationNs } from './duration.ts'

describe('parseDurationMs', () => {
  for (const [text, expected] of [
    ['500ms', 500],
    ['2s', 2000],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['168h', 604_800_000],
    ['.5m', 30_000],
    ['250us', 0.25],
    ['0', 0],
    ['', undefined],
    ['2', undefined],
    ['2 s', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1d', undefined],
    ['1s2', undefined],
    ['2sx', undefined],
    ['1.s', 1000],
    ['.s', undefined],
    ['292y', undefined],
    ['2562048h', undefined],
  ] as const) {
    it(`reads '${text}' as ${expected}`, () => assert.equal(parseDurationMs(text), expected))
  }

  it('reads back what formatDurationMs wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), ms => assert.equal(parseDurationMs(formatDurationMs(ms)), ms)),
    )
  })
})

describe('parseDurationNs', () => {
  for (const [text, expected] of [
    ['8760h1ns', 31_536_000_000_000_001n],
    ['0.9ns', 0n],
    ['1.0000000019s', 1_000_000_001n],
    ['2562047h47m16.854775807s', 2n ** 63n - 1n],
    ['2562047h47m16.854775808s', undefined],
  ] as const) {
    it(`reads '${text}' as ${expected}`, () => assert.equal(parseDurationNs(text), expected))
  }
})
