import assert from 'node:assert/strict'
import fc from 'fast-check'
import { harmless, harmlessJson } from './harmless.ts'

describe('harmless', () => {
  for (const { name, text, want } of [
    {
      name: 'leaves an image reference alone',
      text: 'host:5000/team/app:v1@sha256:ab',
      want: 'host:5000/team/app:v1@sha256:ab',
    },
    { name: 'keeps other scripts', text: 'Ошибка 拉取 失敗 é', want: 'Ошибка 拉取 失敗 é' },
    { name: 'takes the escape from a colour', text: '\u001B[31mred', want: '�[31mred' },
    { name: 'takes the eight-bit escape too', text: '\u009B2J', want: '�2J' },
    { name: 'keeps a text on its line', text: 'a\r\n\tb\u2028c', want: 'a b c' },
    { name: 'shows where text would have been reversed', text: 'a\u202Eb\u2066c', want: 'a�b�c' },
    { name: 'drops what has no width', text: 'a\u200Bb\uFEFFc\u{E0041}', want: 'abc' },
    { name: 'shows half a character', text: 'a\uD800b', want: 'a�b' },
    { name: 'cuts a pile of marks', text: `a${'\u0301'.repeat(50)}`, want: 'a\u0301\u0301' },
  ]) {
    it(name, () => assert.equal(harmless(text), want))
  }

  it('leaves no control or bidi character in any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        assert.doesNotMatch(harmless(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})

describe('harmlessJson', () => {
  it('is the same JSON on one line without control characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const line = harmlessJson({ text })
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        assert.deepEqual(JSON.parse(line), { text })
      }),
    )
  })
})
