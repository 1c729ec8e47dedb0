import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { ApiKey } from '../../store/keys-store.ts'
import { hashesOf, makeKey } from '../../tk/api-key.ts'
import { type HmacSecret, readSecrets } from '../../tk/secrets.ts'
import { tableOf, timeOf } from './table.ts'
import type { Task } from './world.ts'

export type KeyOutput = 'text' | 'json'

/** The key alone on stdout, so that it can be piped into a secret; everything else on stderr. */
export async function createKey(name: string, output: KeyOutput, task: Task): Promise<void> {
  const { store, actor, print, say } = task
  checkName(name)
  const { secrets, fromDatabase } = await secretsOf(task)
  const made = makeKey(secrets[0]!)
  const working = (await store.keys.list()).filter(key => key.revokedAtMs === undefined)
  const key = await store.keys.create({ name, ...hashesOf(secrets, made)[0]! }, actor)
  if (output === 'json') print(`${JSON.stringify({ ...shown(key), key: made.text }, null, 2)}\n`)
  else print(`${made.text}\n`)
  say(`key ${key.id} is made. It is shown this once: nothing keeps it.`)
  if (fromDatabase) say('It is hashed with a secret that the database keeps; set TK_HMAC_SECRET in production.')
  if (working.length > 0 && !working.some(({ secretId }) => secrets.some(({ id }) => id === secretId))) {
    say(
      'No other key is hashed with this secret. It works only if the service has the same TK_HMAC_SECRET as this command.',
    )
  }
}

export async function listKeys(output: KeyOutput, task: Task): Promise<void> {
  const { store, print } = task
  const keys = await store.keys.list()
  if (output === 'json') return void print(`${JSON.stringify(keys.map(shown), null, 2)}\n`)
  const rows = keys.map(key => [
    key.id,
    stateOf(key),
    timeOf(key.createdAtMs),
    key.lastUsedAtMs === undefined ? 'never' : timeOf(key.lastUsedAtMs),
    key.secretId.slice(0, 8),
    key.name,
  ])
  print(tableOf(['ID', 'STATE', 'CREATED', 'LAST USED', 'SECRET', 'NAME'], rows))
}

export async function revokeKey(id: string, { store, actor, say }: Task): Promise<void> {
  const { name } = await store.keys.revoke(id, actor)
  say(`key ${id} (${JSON.stringify(name)}) is revoked: sensors that use it are refused within 10 s.`)
}

/** As the service has them: a key that is hashed with another secret would never work. */
async function secretsOf({ env, store }: Task): Promise<{ secrets: readonly HmacSecret[]; fromDatabase: boolean }> {
  const { secrets, faults } = readSecrets(env)
  if (faults.length > 0) throw new PulltraceError(Code.Invalid, faults.join('; '))
  if (secrets.length > 0) return { secrets, fromDatabase: false }
  return { secrets: [await store.keys.storedSecret()], fromDatabase: true }
}

function checkName(name: string): void {
  const length = [...name].length
  if (length >= 1 && length <= 255 && !/[\p{Cc}\p{Cs}]/u.test(name)) return
  throw new PulltraceError(
    Code.Invalid,
    `the name of a key must be a text of 1 to 255 characters, without control characters, got ${seenOf(name)}`,
  )
}

const stateOf = ({ revokedAtMs }: ApiKey) => (revokedAtMs === undefined ? 'active' : 'revoked')

function shown(key: ApiKey) {
  const { id, name, secretId, createdAtMs, lastUsedAtMs, revokedAtMs } = key
  return {
    id,
    name,
    state: stateOf(key),
    secret_id: secretId,
    created_at: timeOf(createdAtMs),
    ...(lastUsedAtMs !== undefined && { last_used_at: timeOf(lastUsedAtMs) }),
    ...(revokedAtMs !== undefined && { revoked_at: timeOf(revokedAtMs) }),
  }
}
