import assert from 'node:assert/strict'
import { checkPassword, parseRole, parseUserName } from './parse-people.ts'
import { hashPassword, isPassword } from './password.ts'
import { Turns } from './turns.ts'

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

describe('Turns', () => {
  it('lets some work, some wait in order, and turns the others away', async () => {
    const turns = new Turns(2, 2)
    const ends: (() => void)[] = []
    const begun: number[] = []
    const work = (id: number) =>
      turns.take(
        () =>
          new Promise<number>(end => {
            begun.push(id)
            ends.push(() => end(id))
          }),
      )
    const all = [1, 2, 3, 4].map(work)
    await assert.rejects(work(5), { code: 'unavailable' })
    assert.deepEqual(begun, [1, 2])
    ends[1]!()
    assert.equal(await all[1], 2)
    assert.deepEqual(begun, [1, 2, 3])
    ends[0]!()
    ends[2]!()
    await Promise.all([all[0], all[2]])
    ends[3]!()
    assert.deepEqual(await Promise.all(all), [1, 2, 3, 4])
    const after = [6, 7].map(work)
    assert.deepEqual(begun, [1, 2, 3, 4, 6, 7])
    for (const end of ends) end()
    await Promise.all(after)
  })

  it('goes on after work that failed', async () => {
    const turns = new Turns(1, 5)
    const failed = turns.take(() => Promise.reject(new Error('no')))
    const next = turns.take(async () => 'yes')
    await assert.rejects(failed, /no/)
    assert.equal(await next, 'yes')
  })
})
