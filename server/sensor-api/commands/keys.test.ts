import assert from 'node:assert/strict'
import { systemClock } from '../../../core/lib/clock.ts'
import { Code } from '../../../core/lib/errors.ts'
import { readSecrets } from '../../tk/secrets.ts'
import { KeyRing } from '../keys/authenticate.ts'
import { Terminal } from './terminal.fake.ts'

describe('keys', function () {
  // Each command opens the database anew, in a worker.
  this.timeout(30_000)
  let terminal: Terminal
  beforeEach(() => {
    terminal = new Terminal()
  })
  afterEach(() => terminal[Symbol.dispose]())

  it('makes a key that works at once in the service, and is refused once it is revoked', async () => {
    await using store = terminal.open()
    const created = await terminal.run(['keys', 'create', 'nightly job'])
    assert.equal(created.code, 0)
    assert.match(created.out, /^tk-v1-[0-9a-f]{32}-[0-9a-f]{64}\n$/)
    const secrets = [await store.keys.storedSecret()]
    const ring = () => new KeyRing({ secrets, store: store.keys, clock: systemClock })
    const { id } = await ring().authenticate(created.out.trim())

    const listed = await terminal.run(['keys', 'list'])
    assert.match(listed.out, new RegExp(`^${id}  active .* nightly job$`, 'm'))
    assert.equal(listed.out.includes(created.out.trim().slice(-64)), false)

    const revoked = await terminal.run(['keys', 'revoke', id])
    assert.equal(revoked.code, 0)
    await assert.rejects(ring().authenticate(created.out.trim()), { code: Code.PermissionDenied })
    assert.match((await terminal.run(['keys', 'list'])).out, /revoked/)
    const { items } = await store.audit.search(10)
    assert.deepEqual(
      items.map(({ action, actor, target }) => ({ action, actor, target })),
      [
        { action: 'key.revoke', actor: 'cli:test@here', target: id },
        { action: 'key.create', actor: 'cli:test@here', target: id },
      ],
    )
  })

  it('hashes with the secret of the environment, which is not stored', async () => {
    const env = { TK_HMAC_SECRET: `${'a'.repeat(32)}:${Buffer.alloc(32, 9).toString('base64')}` }
    const { out } = await terminal.run(['keys', 'create', 'job', '--output', 'json'], { env })
    const made = JSON.parse(out)
    assert.deepEqual(
      { ...made, id: '', key: '', created_at: '' },
      { id: '', name: 'job', state: 'active', secret_id: 'a'.repeat(32), created_at: '', key: '' },
    )
    await using store = terminal.open()
    const ring = new KeyRing({ ...readSecrets(env), store: store.keys, clock: systemClock })
    assert.equal((await ring.authenticate(made.key)).id, made.id)
    assert.notEqual((await store.keys.storedSecret()).id, 'a'.repeat(32))
  })

  it('warns when every other key is hashed with another secret, as in a shell without that of the service', async () => {
    const env = { TK_HMAC_SECRET: `${'a'.repeat(32)}:${Buffer.alloc(32, 9).toString('base64')}` }
    await terminal.run(['keys', 'create', 'first'], { env })
    assert.doesNotMatch((await terminal.run(['keys', 'create', 'second'], { env })).err, /No other key/)
    assert.match((await terminal.run(['keys', 'create', 'third'])).err, /No other key is hashed with this secret/)
  })

  for (const { name, argv, env, want } of [
    {
      name: 'a bad secret, without its text',
      argv: ['create', 'x'],
      env: { TK_HMAC_SECRET_1: 'hunter2' },
      want: /^tk-sensor-api: TK_HMAC_SECRET_1 must be (?!.*hunter2)/,
    },
    {
      name: 'a name with a control character',
      argv: ['create', 'a\u001bb'],
      want: /the name of a key must be .* got "a\\u001bb"/,
    },
    { name: 'an empty name', argv: ['create', ''], want: /the name of a key must be/ },
    {
      name: 'a database that is not there, where nothing is to be made',
      argv: ['list'],
      want: /there is no database .*tk\.db\n {2}name it with --database/,
    },
    { name: 'a format that is none', argv: ['list', '-o', 'xml'], want: /Allowed choices are text, json/ },
  ]) {
    it(`refuses ${name}`, async () => {
      const { code, out, err } = await terminal.run(['keys', ...argv], { env: env ?? {} })
      assert.deepEqual({ code, out }, { code: 2, out: '' })
      assert.match(err, want)
    })
  }

  it('says that a key is not there', async () => {
    await terminal.run(['keys', 'create', 'job'])
    const { code, err } = await terminal.run(['keys', 'revoke', '01a20157-0000-7000-8000-000000000000'])
    assert.equal(code, 2)
    assert.match(err, /there is no API key/)
  })
})
