import assert from 'node:assert/strict'
import { formatLogLine, isShown } from './log-line.ts'

describe('formatLogLine', () => {
  const line = (fields: object) => JSON.stringify({ level: 'info', time: 'x', program: 'agent', ...fields })
  for (const { name, text, want } of [
    {
      name: 'a sentence with its fields',
      text: line({ msg: 'agent started', node: 'a', pulls: 3 }),
      want: 'info  agent started node=a pulls=3',
    },
    {
      name: 'a text with spaces in quotes',
      text: line({ msg: 'm', why: 'it is "so"' }),
      want: `info  m why="it is 'so'"`,
    },
    {
      name: 'what is wrong and what to do',
      text: line({
        level: 'error',
        msg: 'not started',
        error: { message: 'in use', stack: 'at x', details: { fix: 'stop it' } },
      }),
      want: 'error not started error="in use (stop it)"',
    },
    {
      name: 'an address as it is written',
      text: line({ msg: 'm', address: { address: '::1', family: 'IPv6', port: 9091 } }),
      want: 'info  m address=[::1]:9091',
    },
    {
      name: 'lists and objects without the signs of JSON',
      text: line({ msg: 'm', none: [], few: ['a', 'b'], secrets: [{ id: 'x', fingerprint: 'y' }] }),
      want: 'info  m none=none few=a,b secrets=(id=x fingerprint=y)',
    },
    { name: 'what is no log line as it is', text: '    at main (x.ts:1)', want: '    at main (x.ts:1)' },
    { name: 'broken JSON as it is', text: '{"level":', want: '{"level":' },
    {
      name: 'text from outside without its escapes',
      text: line({ msg: 'm', image: '\u001B[31mred' }),
      want: 'info  m image="�[31mred"',
    },
  ]) {
    it(`writes ${name}`, () => assert.equal(formatLogLine(text, false), want))
  }
})

describe('isShown', () => {
  const drift = (driftMs: number) =>
    JSON.stringify({ level: 'warn', msg: 'clock of a sensor differs', sensorId: 'a', driftMs })
  it('takes what a busy machine needs to send for no other clock', () => {
    assert.equal(isShown(drift(-158), 'info'), false)
    assert.equal(isShown(drift(-3_600_000), 'info'), true)
  })

  it('keeps to itself that a secret is in the database, which all of one machine is in', () => {
    const message = 'hmac secret kept in the database: set TK_HMAC_SECRET in production'
    assert.equal(isShown(JSON.stringify({ level: 'warn', msg: message, secrets: [] }), 'info'), false)
  })
})
