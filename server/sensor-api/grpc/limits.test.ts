import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import type { PulltraceError } from '../../../core/lib/errors.ts'
import { BodyBudget } from './body-budget.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { RateLimit } from './rate-limit.ts'

describe('RateLimit', () => {
  it('lets a burst through, then as many as the rate, each key by itself', () => {
    const clock = new FakeClock()
    const limit = new RateLimit({ perSecond: 10, burst: 3, clock })
    assert.deepEqual(
      [1, 2, 3, 4].map(() => limit.take('a')),
      [0, 0, 0, 0.1],
    )
    assert.equal(limit.take('b'), 0)
    clock.advance(250)
    assert.deepEqual(
      [1, 2, 3].map(() => limit.take('a') === 0),
      [true, true, false],
    )
    clock.advance(3_600_000)
    assert.deepEqual(
      [1, 2, 3, 4].map(() => limit.take('a') === 0),
      [true, true, true, false],
      'no more than a burst',
    )
  })

  it('is off at 0', () => {
    const limit = new RateLimit({ perSecond: 0, burst: 1, clock: new FakeClock() })
    for (let call = 0; call < 100; call++) assert.equal(limit.take('a'), 0)
  })
})

describe('FailedAttempts', () => {
  it('delays from the 21st in a minute on, each address by itself, and starts again after it', () => {
    const clock = new FakeClock()
    const failures = new FailedAttempts(clock)
    const delays = Array.from({ length: 22 }, () => failures.add('10.0.0.1'))
    assert.deepEqual(delays.slice(19), [0, 1000, 1000])
    assert.equal(failures.add('10.0.0.2'), 0)
    clock.advance(60_000)
    assert.equal(failures.add('10.0.0.1'), 0)
  })
})

describe('BodyBudget', () => {
  it('refuses what does not fit, holds what was taken until it is given back, and gives back once', () => {
    const budget = new BodyBudget(100)
    const [one, two] = [budget.open(), budget.open()]
    one.take(60)
    two.take(40)
    assert.throws(
      () => two.take(1),
      (error: PulltraceError) => error.code === 'unavailable' && error.details.retryAfterSeconds === 1,
    )
    assert.equal(budget.heldBytes, 100)
    one.release()
    one.release()
    assert.equal(budget.heldBytes, 40)
    two.take(60)
    two.release()
    assert.equal(budget.heldBytes, 0)
  })
})
