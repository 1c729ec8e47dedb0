import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatDurationMs, parseDurationMs } from './duration.ts'

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
  ] as const) {
    it(`reads '${text}' as ${expected}`, () => assert.equal(parseDurationMs(text), expected))
  }

  it('reads back what formatDurationMs wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), ms => assert.equal(parseDurationMs(formatDurationMs(ms)), ms)),
    )
  })
})
