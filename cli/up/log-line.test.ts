import assert from 'node:assert/strict'
import { formatLogLine } from './log-line.ts'

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
