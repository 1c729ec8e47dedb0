import assert from 'node:assert/strict'
import { checkSettings, toldWrongSettings } from './check-settings.ts'
import { Code, PulltraceError } from './errors.ts'
import { loadSettings, text } from './settings.ts'

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

describe('toldWrongSettings', () => {
  it('says wrong settings at a start as for the argument, and nothing of other errors', () => {
    const printed: string[] = []
    const reasonOf = (load: () => unknown) => {
      try {
        return load()
      } catch (reason) {
        return reason
      }
    }
    const wrong = reasonOf(() => loadSettings('x', { a: text('X_A', undefined, 'a text') }, {}))
    assert.equal(
      toldWrongSettings(wrong, line => printed.push(line)),
      2,
    )
    assert.match(printed.join(), /^x cannot start: X_A must be set: a text\nthese are set in the environment/)
    for (const other of [new Error('x'), new PulltraceError(Code.Invalid, 'x'), undefined]) {
      assert.equal(toldWrongSettings(other, assert.fail), undefined)
    }
  })
})
