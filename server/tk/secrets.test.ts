import assert from 'node:assert/strict'
import type { Logger } from '../../core/lib/log.ts'
import { FakeKeysStore } from '../sensor-api/keys/keys-store.fake.ts'
import { openSecrets, readSecrets, secretSettings } from './secrets.ts'

const id = (digit: string) => digit.repeat(32)
const bytes = Buffer.alloc(32, 7)
const encoded = bytes.toString('base64')

describe('readSecrets', () => {
  it('takes several, the first for new keys, in the order of their numbers', () => {
    const env = {
      TK_HMAC_SECRET_2: `${id('2')}:${encoded}`,
      TK_HMAC_SECRET: ` ${id('A')}:${encoded}\n`,
      TK_HMAC_SECRET_1: '',
    }
    assert.deepEqual(readSecrets(env), {
      secrets: [
        { id: id('a'), secret: bytes },
        { id: id('2'), secret: bytes },
      ],
      faults: [],
    })
  })

  for (const { name, text, want } of [
    { name: 'no id', text: encoded, want: /got 44 characters of another form/ },
    { name: 'an id that is too short', text: `abc:${encoded}`, want: /another form/ },
    {
      name: 'a secret that is too short',
      text: `${id('1')}:${Buffer.alloc(31, 7).toString('base64')}`,
      want: /got 31 bytes/,
    },
    { name: 'what is not base64', text: `${id('1')}:${'%'.repeat(44)}`, want: /another form/ },
  ]) {
    it(`names the variable with ${name}, how to make one, and not a character of it`, () => {
      const { secrets, faults } = readSecrets({ TK_HMAC_SECRET_3: text })
      assert.deepEqual(secrets, [])
      assert.equal(faults.length, 1)
      assert.match(faults[0]!, /^TK_HMAC_SECRET_3 must be .*openssl rand/)
      assert.match(faults[0]!, want)
      assert.doesNotMatch(faults[0]!, /BwcH|%%/)
    })
  }

  it('refuses one id for two secrets', () => {
    const { faults } = readSecrets({
      TK_HMAC_SECRET: `${id('1')}:${encoded}`,
      TK_HMAC_SECRET_1: `${id('1')}:${encoded}`,
    })
    assert.deepEqual(faults, ['TK_HMAC_SECRET_1 must have an id of its own, got one twice'])
  })

  it('reads each variable of the settings table', () => {
    for (const { name } of Object.values(secretSettings)) {
      assert.equal(readSecrets({ [name]: `${id('1')}:${encoded}` }).secrets.length, 1, name)
    }
  })
})

describe('openSecrets', () => {
  function recorded() {
    const lines: string[] = []
    const write = (message: string, fields = {}) => void lines.push(`${message} ${JSON.stringify(fields)}`)
    return { lines, log: { debug: write, info: write, warn: write, error: write } satisfies Logger }
  }

  it('logs which secrets are in force by id and fingerprint, never themselves', async () => {
    const { lines, log } = recorded()
    const given = [{ id: id('1'), secret: bytes }]
    assert.equal(await openSecrets(given, new FakeKeysStore(), log), given)
    assert.match(lines.join(), /^hmac secrets in force .*"id":"1{32}","fingerprint":"[0-9a-f]{16}"/)
    assert.equal(lines.join().includes(encoded.slice(0, 8)) || lines.join().includes('0707'), false)
  })

  it('takes the one that the database keeps when none is set, and warns', async () => {
    const { lines, log } = recorded()
    const store = new FakeKeysStore()
    assert.deepEqual(await openSecrets([], store, log), [store.secret])
    assert.match(lines.join(), /set TK_HMAC_SECRET in production/)
  })
})
