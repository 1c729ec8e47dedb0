import assert from 'node:assert/strict'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { wrapped } from './wrap.ts'

describe('wrapped', () => {
  it('breaks between words', () => assert.deepEqual(wrapped('one two three', 8), ['one two', 'three']))
  it('leaves a word whole that is longer', () =>
    assert.deepEqual(wrapped('a longer-one b', 4), ['a', 'longer-one', 'b']))

  it('loses nothing and is never wider than its longest word asks for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z界]{1,12}$/), { minLength: 1 }),
        fc.integer({ min: 1, max: 40 }),
        (words, width) => {
          const lines = wrapped(words.join(' '), width)
          assert.equal(lines.join(' '), words.join(' '))
          for (const line of lines) assert.ok(stringWidth(line) <= width || !line.includes(' '))
        },
      ),
    )
  })
})
