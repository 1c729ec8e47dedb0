import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { hashesOf, makeKey } from '../../tk/api-key.ts'
import { KeyRing } from './authenticate.ts'
import { FakeKeysStore } from './keys-store.fake.ts'

const secrets = [
  { id: '1'.repeat(32), secret: Buffer.alloc(32, 1) },
  { id: '2'.repeat(32), secret: Buffer.alloc(32, 2) },
] as const

describe('KeyRing', () => {
  let store: FakeKeysStore
  let clock: FakeClock
  let ring: KeyRing
  beforeEach(() => {
    store = new FakeKeysStore()
    clock = new FakeClock(1_000_000)
    ring = new KeyRing({ secrets, store, clock })
  })

  async function registered(secret: (typeof secrets)[number] = secrets[0]) {
    const made = makeKey(secret)
    return { text: made.text, key: await store.create({ name: 'job', ...hashesOf(secrets, made)[0]! }) }
  }

  it('knows a key of any secret in force, in upper case too', async () => {
    for (const secret of secrets) {
      const { text, key } = await registered(secret)
      assert.equal((await ring.authenticate(text)).id, key.id)
      assert.equal((await ring.authenticate(text.toUpperCase())).id, key.id)
    }
  })

  for (const { name, key, code, message, reads } of [
    {
      name: 'no key',
      key: undefined,
      code: Code.Unauthenticated,
      message: 'API key required in x-api-key metadata',
      reads: 0,
    },
    {
      name: 'an empty key',
      key: '',
      code: Code.Unauthenticated,
      message: 'API key required in x-api-key metadata',
      reads: 0,
    },
    {
      name: 'a malformed key, without a read',
      key: 'tk-v1-abc',
      code: Code.Unauthenticated,
      message: 'Invalid API key format',
      reads: 0,
    },
    {
      name: 'an unknown key',
      key: makeKey(secrets[0]).text,
      code: Code.Unauthenticated,
      message: 'Invalid API key',
      reads: 1,
    },
  ]) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(ring.authenticate(key), { code, message })
      assert.equal(store.reads, reads)
    })
  }

  it('refuses a key within 10 s of its revocation', async () => {
    const { text, key } = await registered()
    await ring.authenticate(text)
    await store.revoke(key.id)
    clock.advance(10_000)
    const refused = { code: Code.PermissionDenied, message: 'API key has been revoked', reason: 'revoked' }
    await assert.rejects(ring.authenticate(text), refused)
  })

  it('knows a key as soon as it is made, also one that was refused just before', async () => {
    const made = makeKey(secrets[0])
    await assert.rejects(ring.authenticate(made.text))
    await store.create({ name: 'job', ...hashesOf(secrets, made)[0]! })
    assert.equal((await ring.authenticate(made.text)).name, 'job')
  })

  it('reads a key once in 10 s, and once for a hundred calls at once', async () => {
    const { text } = await registered()
    await Promise.all(Array.from({ length: 100 }, () => ring.authenticate(text)))
    clock.advance(9_999)
    await ring.authenticate(text)
    assert.equal(store.reads, 1)
    clock.advance(1)
    await ring.authenticate(text)
    assert.equal(store.reads, 2)
  })

  it('says that the store could not be asked, and asks it again with the next call', async () => {
    const { text } = await registered()
    store.fault = new PulltraceError(Code.Unavailable, 'database is locked')
    await assert.rejects(ring.authenticate(text), { code: Code.Unavailable })
    store.fault = undefined
    await ring.authenticate(text)
  })

  it('notes once a minute that a key is used, and minds no failure of that', async () => {
    const { text, key } = await registered()
    await ring.authenticate(text)
    clock.advance(59_999)
    await ring.authenticate(text)
    clock.advance(1)
    await ring.authenticate(text)
    assert.deepEqual(store.touches, [
      { id: key.id, usedAtMs: 1_000_000 },
      { id: key.id, usedAtMs: 1_060_000 },
    ])
    store.touch = async () => {
      throw new Error('disk full')
    }
    clock.advance(60_000)
    await ring.authenticate(text)
  })
})
