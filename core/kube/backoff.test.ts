import assert from 'node:assert/strict'
import { FakeClock } from '../lib/clock.fake.ts'
import { Backoff } from './backoff.ts'

describe('Backoff', () => {
  const waits = (backoff: Backoff, count: number) => Array.from({ length: count }, () => backoff.nextMs())

  it('starts at 0.8 s and doubles up to 15 s', () => {
    assert.deepEqual(waits(new Backoff(new FakeClock(), () => 0), 7), [800, 1600, 3200, 6400, 12_800, 15_000, 15_000])
  })

  it('adds up to as much again by chance, and never waits longer than 30 s', () => {
    assert.deepEqual(waits(new Backoff(new FakeClock(), () => 1), 6), [1600, 3200, 6400, 12_800, 25_600, 30_000])
  })

  it('starts anew after two minutes without a failure', () => {
    const clock = new FakeClock()
    const backoff = new Backoff(clock, () => 0)
    waits(backoff, 5)
    clock.advance(12_800 + 120_000)
    assert.equal(backoff.nextMs(), 15_000)
    clock.advance(15_000 + 120_001)
    assert.equal(backoff.nextMs(), 800)
  })
})
