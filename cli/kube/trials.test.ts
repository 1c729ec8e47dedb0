import assert from 'node:assert/strict'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { Trials } from './trials.ts'

describe('Trials', () => {
  const refusal = () => new PulltraceError(Code.PermissionDenied, 'no', { fix: 'ask' })

  it('takes a first refusal at its word', () => {
    assert.equal(new Trials(new FakeClock()).failed(refusal()).code, Code.PermissionDenied)
  })

  it('tries again for 30 s where it was allowed before, then believes it', async () => {
    const clock = new FakeClock()
    const trials = new Trials(clock)
    trials.succeeded()
    const first = trials.failed(refusal())
    assert.equal(first.code, Code.Unavailable)
    assert.equal(first.details.fix, 'ask')
    await clock.sleep(29_999)
    assert.equal(trials.failed(refusal()).code, Code.Unavailable)
    await clock.sleep(1)
    assert.equal(trials.failed(refusal()).code, Code.PermissionDenied)
    trials.succeeded()
    assert.equal(trials.failed(refusal()).code, Code.Unavailable)
  })

  it('changes no other fault', () => {
    const trials = new Trials(new FakeClock())
    trials.succeeded()
    assert.equal(trials.failed(new PulltraceError(Code.NotFound, 'x')).code, Code.NotFound)
  })
})
