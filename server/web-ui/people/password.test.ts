import assert from 'node:assert/strict'
import { checkPassword, parseRole, parseUserName } from './parse-people.ts'
import { hashPassword, isPassword } from './password.ts'

const cheap = { ln: 4, r: 8, p: 1 }

describe('hashPassword', () => {
  it('makes what only that password fits, however its letters are composed', async () => {
    const hash = await hashPassword('Übergröße 12345', cheap)
    assert.match(hash, /^\$scrypt\$ln=4,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/)
    assert.equal(await isPassword('U\u0308bergro\u0308ße 12345', hash), true)
    for (const wrong of ['', 'übergröße 12345', 'Übergröße 12345 ']) assert.equal(await isPassword(wrong, hash), false)
    assert.notEqual(await hashPassword('Übergröße 12345', cheap), hash)
  })

  it('reads what was made at another cost, and nothing else', async () => {
    assert.equal(await isPassword('x', await hashPassword('x', { ln: 5, r: 4, p: 2 })), true)
    for (const bad of ['', 'x', `$scrypt$ln=31,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$${'A'.repeat(43)}`]) {
      await assert.rejects(isPassword('x', bad), { code: 'internal' })
    }
  })
})

describe('people', () => {
  it('have names that look like what they are', () => {
    for (const name of ['a', 'Zoë', 'alice@example.com', '王', 'x'.repeat(64), 'a b'])
      assert.equal(parseUserName(name), name)
    for (const name of ['', ' a', 'a ', 'a\nb', 'a\u0000', 'a\u202eb', 'a\u200bb', 'x'.repeat(65)]) {
      assert.throws(() => parseUserName(name), { code: 'invalid' }, JSON.stringify(name))
    }
  })

  it('have passwords of 12 to 128 characters that are not their name, and no fault repeats one', () => {
    for (const good of ['x'.repeat(12), '🐋'.repeat(12), 'x'.repeat(128)]) checkPassword(good, 'alice')
    for (const bad of ['', 'x'.repeat(11), '🐋'.repeat(11), 'x'.repeat(129), 'Alice-Alice-Alice']) {
      assert.throws(
        () => checkPassword(bad, 'alice-alice-alice'),
        (error: Error) => bad === '' || !JSON.stringify(error).includes(bad),
      )
    }
  })

  it('have one of three roles', () => {
    assert.equal(parseRole('editor'), 'editor')
    for (const bad of ['', 'Admin', 'root', 'toString']) assert.throws(() => parseRole(bad), { code: 'invalid' })
  })
})
