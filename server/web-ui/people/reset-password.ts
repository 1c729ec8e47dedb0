import { hostname, userInfo } from 'node:os'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { randomPassword } from '../../../core/lib/random-password.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { UsersStore } from '../../store/users-store.ts'
import { hashPassword } from './password.ts'

/**
 * For who can reach the database but no page any more: a password that must be changed at the next sign-in, and the end
 * of every session of that user.
 */
export async function resetPassword(store: UsersStore, name: string): Promise<string> {
  const found = await store.findByName(name)
  if (found === undefined) {
    const known = (await store.list()).map(user => user.name)
    throw new PulltraceError(Code.NotFound, `there is no user ${seenOf(name)}`, {
      fix:
        known.length === 0
          ? 'start tk-web-ui once: it makes the first user'
          : `there are ${known.slice(0, 50).join(', ')}`,
    })
  }
  const password = randomPassword()
  const changed = { passwordHash: await hashPassword(password), mustChangePassword: true }
  await store.setPassword(found.user.id, changed, { name: `cli:${userInfo().username}@${hostname()}` })
  return password
}
