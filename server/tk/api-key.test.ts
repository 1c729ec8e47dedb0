import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { hashesOf, makeKey, parseKey } from './api-key.ts'

const one = { id: '1'.repeat(32), secret: Buffer.alloc(32, 1) }
const two = { id: '2'.repeat(32), secret: Buffer.alloc(32, 2) }
const key = `tk-v1-${'a'.repeat(32)}-${'0'.repeat(64)}`

describe('makeKey', () => {
  it('names the secret and has 256 random bits: 103 characters', () => {
    const made = makeKey(one)
    assert.match(made.text, /^tk-v1-1{32}-[0-9a-f]{64}$/)
    assert.equal(made.text.length, 103)
    assert.notEqual(made.text, makeKey(one).text)
    assert.deepEqual(parseKey(made.text), made)
  })
})

describe('parseKey', () => {
  it('takes upper case for lower case', () => {
    assert.deepEqual(parseKey(key.toUpperCase()), { text: key, secretId: 'a'.repeat(32) })
  })

  for (const { name, text } of [
    { name: 'nothing', text: '' },
    { name: 'one digit less', text: key.slice(1) },
    { name: 'one digit more', text: `${key}0` },
    { name: 'a line end', text: `${key.slice(0, -1)}\n` },
    { name: 'another version', text: key.replace('v1', 'v2') },
    { name: 'what is no hex digit', text: key.replace('a', 'g') },
    { name: 'a letter that only lower-casing makes one of ours', text: key.replace('k', '\u212A') },
    { name: 'a megabyte', text: 'a'.repeat(1_000_000) },
  ]) {
    it(`refuses ${name}`, () => assert.equal(parseKey(text), undefined))
  }
})

describe('hashesOf', () => {
  it('is HMAC-SHA256 of the whole key with the secret that it names', () => {
    const named = parseKey(key.replace(/a{32}/, two.id))!
    const hash = createHmac('sha256', two.secret).update(named.text).digest()
    assert.deepEqual(hashesOf([one, two], named), [{ secretId: two.id, hash }])
  })

  it('is one for each secret when a key names none of them', () => {
    assert.deepEqual(
      hashesOf([one, two], parseKey(key)!).map(({ secretId }) => secretId),
      [one.id, two.id],
    )
  })
})
