import assert from 'node:assert/strict'
import type { PulltraceError } from '../../core/lib/errors.ts'
import { by, startMs, type TkFixture } from './tk-conformance.ts'
import type { NewUser } from './users-store.ts'

export const newUser = (name: string, changes: Partial<NewUser> = {}): NewUser => ({
  ...{ name, role: 'viewer', passwordHash: `hash of ${name}`, mustChangePassword: false },
  ...changes,
})

/** The people of the pages, for `describeTkStore`. */
export function describeUsersStore(fixture: TkFixture): void {
  const users = () => fixture.store.users

  describe('users', () => {
    it('are found by id and by name, whatever its case, and listed by name', async () => {
      const zoe = await users().create(newUser('Zoë'), by)
      const adam = await users().create(newUser('adam', { role: 'admin', mustChangePassword: true }), by)
      assert.match(zoe.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      assert.deepEqual(zoe, {
        id: zoe.id,
        name: 'Zoë',
        role: 'viewer',
        mustChangePassword: false,
        createdAtMs: startMs,
      })
      assert.deepEqual(await users().findByName('ZOË'), { user: zoe, passwordHash: 'hash of Zoë' })
      // The same letter of two code points.
      assert.deepEqual((await users().findByName('zoe\u0308'))?.user, zoe)
      assert.deepEqual(await users().get(adam.id), { user: adam, passwordHash: 'hash of adam' })
      assert.deepEqual(await users().list(), [adam, zoe])
      assert.equal(await users().findByName('eve'), undefined)
      assert.equal(await users().get('none'), undefined)
    })

    it('have a name of their own, also when two make it at the same instant', async () => {
      const other = fixture.open()
      const answers = await Promise.allSettled([
        users().create(newUser('Alice'), by),
        other.users.create(newUser('alice'), by),
      ])
      const lost = answers.filter(answer => answer.status === 'rejected')
      assert.deepEqual(
        lost.map(({ reason }) => (reason as PulltraceError).code),
        ['conflict'],
      )
      assert.equal((await users().list()).length, 1)
    })

    it('begin with one that is made once', async () => {
      const first = newUser('admin', { role: 'admin' })
      const made = await Promise.all([fixture.store, fixture.open()].map(store => store.users.createFirst(first, by)))
      assert.equal(made.filter(user => user !== undefined).length, 1)
      assert.equal(await users().createFirst(newUser('other'), by), undefined)
      assert.deepEqual(
        (await users().list()).map(({ name }) => name),
        ['admin'],
      )
    })

    it('get another password and another role', async () => {
      const { id } = await users().create(newUser('alice'), by)
      await users().setPassword(id, { passwordHash: 'new', mustChangePassword: true }, by)
      const { role } = await users().setRole(id, 'editor', by)
      assert.equal(role, 'editor')
      const found = await users().get(id)
      assert.equal(found?.passwordHash, 'new')
      assert.deepEqual([found.user.role, found.user.mustChangePassword], ['editor', true])
      for (const lost of [
        users().setPassword('none', { passwordHash: '', mustChangePassword: false }, by),
        users().setRole('none', 'admin', by),
        users().remove('none', by),
      ])
        await assert.rejects(lost, { code: 'not_found' })
    })

    it('always have an admin among them, also when two give it up at the same instant', async () => {
      const [a, b] = await Promise.all(['a', 'b'].map(name => users().create(newUser(name, { role: 'admin' }), by)))
      const other = fixture.open()
      const answers = await Promise.allSettled([users().setRole(a!.id, 'viewer', by), other.users.remove(b!.id, by)])
      assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      const admins = (await users().list()).filter(({ role }) => role === 'admin')
      assert.equal(admins.length, 1)
      await assert.rejects(users().remove(admins[0]!.id, by), { code: 'conflict', message: /is the only admin$/ })
      await assert.rejects(users().setRole(admins[0]!.id, 'editor', by), { code: 'conflict' })
    })

    it('are told of in the audit log without what a password could be guessed from', async () => {
      const user = await users().create(newUser('alice', { passwordHash: 'SECRET-1' }), by)
      const reset = await users().setPassword(user.id, { passwordHash: 'SECRET-2', mustChangePassword: true }, by)
      const promoted = await users().setRole(user.id, 'editor', by)
      await users().setRole(user.id, 'editor', by)
      await users().remove(user.id, by)
      const { items } = await fixture.store.audit.search(10)
      assert.deepEqual(
        items.map(({ actor, action, target, before, after }) => ({ actor, action, target, before, after })),
        [
          { action: 'user.delete', before: promoted, after: undefined },
          { action: 'user.role', before: reset, after: promoted },
          { action: 'user.password', before: user, after: reset },
          { action: 'user.create', before: undefined, after: user },
        ].map(entry => ({ actor: by.name, target: user.id, ...entry })),
      )
      assert.ok(!JSON.stringify(items).includes('SECRET'))
    })
  })
}
