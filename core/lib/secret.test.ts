import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { createLogger } from './log.ts'
import { Secret } from './secret.ts'

describe('Secret', () => {
  const secret = new Secret('hunter2')

  it('does not show itself in text, JSON, inspection or a log line', () => {
    const lines: string[] = []
    createLogger('test', 'info', { write: line => void lines.push(line) }).info('signed in', {
      secret,
      nested: { secret },
    })
    for (const shown of [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), lines.join()]) {
      assert.ok(!shown.includes('hunter2'), shown)
    }
  })

  it('equals its own value only, whatever the length', () => {
    assert.deepEqual(
      ['hunter2', 'hunter', 'hunter22', ''].map(text => secret.equals(text)),
      [true, false, false, false],
    )
  })
})
