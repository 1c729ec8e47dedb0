import assert from 'node:assert/strict'
import { checkMetadata } from './metadata.ts'

describe('checkMetadata', () => {
  for (const [name, pairs, faults] of [
    ['an ordinary pair', { batch: '42' }, 0],
    ['128 code points of a key, beyond UTF-16', { ['😀'.repeat(128)]: '' }, 0],
    ['1,024 code points of a value', { a: '😀'.repeat(1_024) }, 0],
    ['newlines and tabs in a value', { a: 'x\n\ty' }, 0],
    ['an empty key', { '': 'a' }, 1],
    ['a key of 129 characters', { ['k'.repeat(129)]: 'a' }, 1],
    ['a key with a newline', { 'a\nb': 'a' }, 1],
    ['a key of the system', { '$tk.ip': 'a' }, 1],
    ['a value of 1,025 characters', { a: 'x'.repeat(1_025) }, 1],
    ['a value with a bell', { a: '\u0007' }, 1],
    ['a number', { a: 1 }, 1],
    ['51 pairs', Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, ''])), 1],
    // 16 of 4,097 bytes are one byte a piece too many for 64 KiB.
    ['more than 64 KiB', Object.fromEntries([...'abcdefghijklmnop'].map(key => [key, '😀'.repeat(1_024)])), 1],
  ] as const) {
    it(`${faults === 0 ? 'takes' : 'refuses'} ${name}`, () => {
      const checked = checkMetadata(pairs)
      assert.equal(checked.faults.length, faults)
      assert.equal(Object.keys(checked.good).length, Object.keys(pairs).length - faults)
    })
  }

  it('keeps good pairs beside bad ones, whatever they are called', () => {
    const { good } = checkMetadata(JSON.parse('{"__proto__":"a","$b":"b","c":"c"}'))
    assert.deepEqual(Object.entries(good), [
      ['__proto__', 'a'],
      ['c', 'c'],
    ])
  })
})
