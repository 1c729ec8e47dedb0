import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { randomPassword } from '../../../core/lib/random-password.ts'
import type { UsersStore } from '../../store/users-store.ts'
import { checkPassword } from './parse-people.ts'
import { hashPassword } from './password.ts'

export interface FirstAdminParts {
  readonly store: UsersStore
  /** With the first password in it; undefined: one is made, and told once. */
  readonly passwordFile: string | undefined
  readonly tell: (name: string, password: string) => void
  readonly clock: Clock
  readonly log: Logger
}

const name = 'admin'
const tryEveryMs = 1000

/** Where there is no user yet, makes `admin`, who must choose a password at once. Waits for a database that is not usable. */
export async function makeFirstAdmin(parts: FirstAdminParts, signal: AbortSignal): Promise<void> {
  const { store, passwordFile, tell, clock, log } = parts
  while (!signal.aborted) {
    try {
      if ((await store.list()).length > 0) return
      const password = passwordFile === undefined ? randomPassword() : await readPassword(passwordFile)
      const made = await store.createFirst(
        { name, role: 'admin', passwordHash: await hashPassword(password), mustChangePassword: true },
        { name: 'system' },
      )
      if (made === undefined) return
      log.info('first user made', { user: name, passwordFile })
      if (passwordFile === undefined) tell(name, password)
      return
    } catch (reason) {
      const error = PulltraceError.from(reason)
      if (error.code !== Code.Unavailable && error.code !== Code.Exhausted) throw error
      // The only rejection is the abort itself.
      await clock.sleep(tryEveryMs, signal).catch(() => {})
    }
  }
}

async function readPassword(file: string): Promise<string> {
  const password = (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  checkPassword(password, name)
  return password
}
