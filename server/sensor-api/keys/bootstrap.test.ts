import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code } from '../../../core/lib/errors.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { makeKey } from '../../tk/api-key.ts'
import { KeyRing } from './authenticate.ts'
import { registerBootstrapKey } from './bootstrap.ts'
import { FakeKeysStore } from './keys-store.fake.ts'

const first = { id: '1'.repeat(32), secret: Buffer.alloc(32, 1) }
const second = { id: '2'.repeat(32), secret: Buffer.alloc(32, 2) }

describe('registerBootstrapKey', () => {
  let folder: string
  let store: FakeKeysStore
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-bootstrap-'))
    store = new FakeKeysStore()
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function register(text: string, secrets = [first]) {
    const file = path.join(folder, 'key')
    writeFileSync(file, text)
    return registerBootstrapKey({ file, secrets, store, log: silentLogger })
  }
  const ring = (secrets = [first]) => new KeyRing({ secrets, store, clock: new FakeClock() })

  it('makes the key in the file work, once', async () => {
    const { text } = makeKey(first)
    await register(`${text}\n`)
    await register(text)
    assert.equal(store.keys.size, 1)
    assert.equal((await ring().authenticate(text)).name, 'bootstrap')
  })

  it('makes a key work that was made before the secret was, and goes on with it after the secret was replaced', async () => {
    const { text } = makeKey({ id: 'e'.repeat(32), secret: Buffer.alloc(0) })
    await register(text)
    await register(text, [second, first])
    assert.equal(store.keys.size, 1)
    assert.equal((await ring([second, first]).authenticate(text)).secretId, first.id)
  })

  it('leaves a revoked key revoked', async () => {
    const { text } = makeKey(first)
    await register(text)
    await store.revoke([...store.keys.values()][0]!.id)
    await register(text)
    await assert.rejects(ring().authenticate(text), { code: Code.PermissionDenied })
  })

  it('is not troubled by another process that registers it at the same moment', async () => {
    const { text } = makeKey(first)
    await Promise.all([register(text), register(text)])
    assert.equal(store.keys.size, 1)
  })

  it('refuses a file without a key, and does not repeat what it holds', async () => {
    await assert.rejects(register('hunter2'), (error: Error & { code: Code }) => {
      assert.equal(error.code, Code.Invalid)
      assert.match(
        error.message,
        /TK_BOOTSTRAP_API_KEY_FILE.*must hold one API key: 'tk-v1-', .* got 7 other characters/,
      )
      assert.equal(error.message.includes('hunter2'), false)
      return true
    })
  })

  it('says which file cannot be read', async () => {
    const file = path.join(folder, 'none')
    const registered = registerBootstrapKey({ file, secrets: [first], store, log: silentLogger })
    await assert.rejects(registered, { code: Code.Invalid, message: /\/none, cannot be read: ENOENT/ })
  })
})
