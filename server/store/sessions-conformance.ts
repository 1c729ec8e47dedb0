import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { by, startMs, type TkFixture } from './tk-conformance.ts'
import { newUser } from './users-conformance.ts'

const hashOf = (text: string) => Uint8Array.from(createHash('sha256').update(text).digest())
const hourMs = 3_600_000

/** Who is signed in, for `describeTkStore`. */
export function describeSessionsStore(fixture: TkFixture): void {
  const sessions = () => fixture.store.sessions
  const start = async (token: string, userId: string, idleMs = 12 * hourMs, endsAtMs = startMs + 720 * hourMs) =>
    sessions().create({ tokenHash: hashOf(token), userId, idleMs, endsAtMs }, by)
  const isLive = async (token: string) => (await sessions().find(hashOf(token))) !== undefined

  describe('sessions', () => {
    let userId: string
    beforeEach(async () => {
      userId = (await fixture.store.users.create(newUser('alice'), by)).id
    })

    it('are found with who they belong to', async () => {
      await start('one', userId)
      const found = await fixture.open().sessions.find(hashOf('one'))
      const { user } = (await fixture.store.users.get(userId))!
      assert.equal(user.lastSignInAtMs, startMs)
      assert.deepEqual(found, {
        ...{ user, idleMs: 12 * hourMs, createdAtMs: startMs, lastSeenAtMs: startMs },
        endsAtMs: startMs + 720 * hourMs,
      })
      assert.equal(await isLive('two'), false)
      await assert.rejects(start('three', 'none'), { code: 'not_found' })
    })

    it('are over when nobody used them for long, and at their end', async () => {
      await start('idle', userId)
      await start('used', userId, 12 * hourMs, startMs + 20 * hourMs)
      fixture.nowMs += 11 * hourMs
      await sessions().touch(hashOf('used'))
      fixture.nowMs += hourMs
      assert.deepEqual([await isLive('idle'), await isLive('used')], [false, true])
      // What is over stays over.
      await sessions().touch(hashOf('idle'))
      assert.equal(await isLive('idle'), false)
      fixture.nowMs = startMs + 20 * hourMs
      assert.equal(await isLive('used'), false)
      assert.equal(await sessions().prune(), 2)
      assert.equal(await sessions().prune(), 0)
    })

    it('end with a sign-out, a new password, another role and the user', async () => {
      await start('out', userId)
      await sessions().end(hashOf('out'), by)
      await sessions().end(hashOf('out'), by)
      assert.equal(await isLive('out'), false)
      await start('password', userId)
      await fixture.store.users.setPassword(userId, { passwordHash: 'new', mustChangePassword: false }, by)
      assert.equal(await isLive('password'), false)
      await start('role', userId)
      await fixture.store.users.setRole(userId, 'viewer', by)
      assert.equal(await isLive('role'), true)
      await fixture.store.users.setRole(userId, 'editor', by)
      assert.equal(await isLive('role'), false)
      await start('gone', userId)
      await fixture.store.users.remove(userId, by)
      assert.equal(await isLive('gone'), false)
    })

    it('are told of in the audit log without what they could be taken over with', async () => {
      await start('one', userId)
      await sessions().blocked('mallory', by)
      await sessions().end(hashOf('one'), by)
      await sessions().end(hashOf('one'), by)
      const { items } = await fixture.store.audit.search(10)
      assert.deepEqual(items.map(({ action, target }) => ({ action, target })).slice(0, 3), [
        { action: 'session.end', target: userId },
        { action: 'session.blocked', target: 'mallory' },
        { action: 'session.start', target: userId },
      ])
      assert.ok(!JSON.stringify(items).includes(Buffer.from(hashOf('one')).toString('hex')))
    })
  })
}
