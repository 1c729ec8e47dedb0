import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { PulltraceError } from '../../core/lib/errors.ts'
import { by, startMs, type TkFixture } from './tk-conformance.ts'

const hashOf = (text: string) => Uint8Array.from(createHash('sha256').update(text).digest())
const keyOf = (name: string) => ({ name, secretId: 'a'.repeat(32), hash: hashOf(name) })

/** API keys and the stored secret, for `describeTkStore`. */
export function describeKeysStore(fixture: TkFixture): void {
  const keys = () => fixture.store.keys

  describe('keys', () => {
    it('are found by hash, and listed newest first', async () => {
      const ci = await keys().create(keyOf('ci'), by)
      fixture.nowMs += 1000
      const etl = await keys().create(keyOf('etl \u{1f40b}'), by)
      assert.deepEqual({ ...ci, id: '' }, { id: '', name: 'ci', secretId: 'a'.repeat(32), createdAtMs: startMs })
      assert.match(ci.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      assert.deepEqual(await keys().findByHash(hashOf('ci')), ci)
      assert.deepEqual(await keys().list(), [etl, ci])
      assert.equal(await keys().findByHash(hashOf('none')), undefined)
      assert.equal(await keys().findByHash(new Uint8Array()), undefined)
    })

    it('are registered once, also by two at the same instant', async () => {
      const other = fixture.open()
      const answers = await Promise.allSettled([keys().create(keyOf('ci'), by), other.keys.create(keyOf('ci'), by)])
      const lost = answers.filter(answer => answer.status === 'rejected')
      assert.deepEqual(
        lost.map(({ reason }) => reason.code),
        ['conflict'],
      )
      await assert.rejects(keys().create({ ...keyOf('ci'), name: 'again' }, by), ({ message }: PulltraceError) => {
        assert.match(message, /registered already, as "ci"/)
        return true
      })
      assert.equal((await keys().list()).length, 1)
    })

    it('are revoked for good', async () => {
      const { id } = await keys().create(keyOf('ci'), by)
      fixture.nowMs += 1000
      const revoked = await keys().revoke(id, by)
      assert.equal(revoked.revokedAtMs, startMs + 1000)
      fixture.nowMs += 1000
      assert.deepEqual(await keys().revoke(id, by), revoked)
      assert.deepEqual(await fixture.open().keys.findByHash(hashOf('ci')), revoked)
      await assert.rejects(keys().create(keyOf('ci'), by), { code: 'conflict' })
      await assert.rejects(keys().revoke('none', by), { code: 'not_found' })
    })

    it('say when they were used last, whoever tells it late', async () => {
      const { id } = await keys().create(keyOf('ci'), by)
      const other = await keys().create(keyOf('etl'), by)
      await keys().touch(id, 5000)
      await keys().touch(id, 3000)
      await keys().touch('none', 9000)
      assert.equal((await keys().findByHash(hashOf('ci')))?.lastUsedAtMs, 5000)
      assert.deepEqual(await keys().findByHash(hashOf('etl')), other)
    })

    it('are told of in the audit log without what they could be guessed from', async () => {
      const key = await keys().create(keyOf('ci'), by)
      const revoked = await keys().revoke(key.id, by)
      await keys().revoke(key.id, by)
      await keys().touch(key.id, 5000)
      const { items } = await fixture.store.audit.search(10)
      assert.deepEqual(
        items.map(({ action, target, before, after }) => ({ action, target, before, after })),
        [
          { action: 'key.revoke', target: key.id, before: key, after: revoked },
          { action: 'key.create', target: key.id, before: undefined, after: key },
        ],
      )
      assert.ok(!JSON.stringify(items).includes(Buffer.from(hashOf('ci')).toString('hex')))
    })
  })

  describe('storedSecret', () => {
    it('is made once, also by two at the same instant, and stays', async () => {
      const others = [fixture.open(), fixture.open()]
      const secrets = await Promise.all([fixture.store, ...others].map(store => store.keys.storedSecret()))
      assert.match(secrets[0]!.id, /^[0-9a-f]{32}$/)
      assert.equal(secrets[0]!.secret.length, 32)
      for (const secret of secrets) assert.deepEqual(secret, secrets[0])
      await fixture.store.close()
      assert.deepEqual(await fixture.open().keys.storedSecret(), secrets[0])
    })
  })
}
