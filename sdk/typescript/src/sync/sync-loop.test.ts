import assert from 'node:assert/strict'
import { nextSyncMs } from './sync-loop.ts'

describe('nextSyncMs', () => {
  const usual = { intervalMs: 30_000, nextSyncAfterMs: 0, minSyncIntervalMs: 5_000, retryAfterMs: 0, fatal: false }
  for (const { name, from, to, ...pace } of [
    { name: 'is the interval within 10 %', from: 27_000, to: 33_000 },
    { name: 'is longer when the server wishes so', nextSyncAfterMs: 60_000, from: 54_000, to: 66_000 },
    { name: 'is not shorter because the server wishes so', nextSyncAfterMs: 10_000, from: 27_000, to: 33_000 },
    { name: 'is never below the least interval', intervalMs: 5_000, from: 5_000, to: 5_500 },
    { name: 'is never before the server said that it may be', retryAfterMs: 45_000, from: 45_000, to: 45_000 },
    { name: 'is a day at most, whatever the server says', nextSyncAfterMs: 1e15, from: 95_040_000, to: 95_040_000 },
    { name: 'is five minutes after a fatal answer', fatal: true, from: 270_000, to: 330_000 },
    { name: 'is not shorter after a fatal answer', fatal: true, intervalMs: 600_000, from: 540_000, to: 660_000 },
  ]) {
    it(name, () => {
      assert.deepEqual(
        [0, 1].map(random => Math.round(nextSyncMs({ ...usual, ...pace }, () => random))),
        [from, to],
      )
    })
  }
})
