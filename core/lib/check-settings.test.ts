import assert from 'node:assert/strict'
import { checkSettings } from './check-settings.ts'
import { Code, PulltraceError } from './errors.ts'

describe('checkSettings', () => {
  it('says nothing of settings that can be read', () => {
    assert.equal(
      checkSettings(() => ({}), assert.fail),
      0,
    )
  })

  it('says every fault and what to do, and gives the exit code of a bad argument', () => {
    const printed: string[] = []
    const load = () => {
      throw new PulltraceError(Code.Invalid, 'A must be set; B must be set', { fix: 'set these' })
    }
    assert.equal(
      checkSettings(load, text => printed.push(text)),
      2,
    )
    assert.deepEqual(printed, ['A must be set; B must be set\nset these'])
  })
})
