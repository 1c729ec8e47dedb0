import { createHash } from 'node:crypto'
import type { Logger } from '../../core/lib/log.ts'
import type { Env, Setting } from '../../core/lib/settings.ts'
import type { KeysStore } from '../store/keys-store.ts'

/** What keys are hashed with. Whoever reads the database without it can make nothing of a stored hash. */
export interface HmacSecret {
  /** 32 hex digits; stands in each key. */
  readonly id: string
  readonly secret: Uint8Array
}

const leastBytes = 32
const form = `'<32 hex digits>:<base64 of at least ${leastBytes} bytes>'`
const howToMake = 'echo "$(openssl rand -hex 16):$(openssl rand -base64 32)"'

const numbers = ['', '_1', '_2', '_3', '_4', '_5', '_6', '_7', '_8', '_9'] as const

/** For docs/configuration.md and for a table of settings. It keeps none of them: `readSecrets` is what reads them. */
export const secretSettings: Readonly<Record<string, Setting<undefined>>> = Object.fromEntries(
  numbers.map(number => [
    `hmacSecret${number}`,
    {
      name: `TK_HMAC_SECRET${number}`,
      doc:
        number === ''
          ? `Secret that API keys are hashed with: ${form}. New keys get the first that is set. Empty: one is made and kept in the database.`
          : 'A further one: keys that name it go on working.',
      default: '',
      parse: () => undefined,
    },
  ]),
)

/** The secrets of the environment, the first for new keys, and what is wrong with the others: never their text. */
export function readSecrets(env: Env): { readonly secrets: readonly HmacSecret[]; readonly faults: readonly string[] } {
  const secrets: HmacSecret[] = []
  const faults: string[] = []
  for (const number of numbers) {
    const name = `TK_HMAC_SECRET${number}`
    const text = env[name]?.trim()
    if (!text) continue
    const secret = parseSecret(text)
    if (typeof secret === 'string') faults.push(`${name} must be ${form}, ${secret} (make one: ${howToMake})`)
    else if (secrets.some(({ id }) => id === secret.id))
      faults.push(`${name} must have an id of its own, got one twice`)
    else secrets.push(secret)
  }
  return { secrets, faults }
}

/** The secret, or what is wrong with it. */
function parseSecret(text: string): HmacSecret | string {
  const [, id, encoded] = /^([0-9a-fA-F]{32}):([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  if (id === undefined || encoded === undefined) return `got ${text.length} characters of another form`
  const secret = Buffer.from(encoded, 'base64')
  return secret.length < leastBytes ? `got ${secret.length} bytes` : { id: id.toLowerCase(), secret }
}

/**
 * The secrets in force: those of the environment, which are never stored, else one that is made once and kept in the
 * database.
 */
export async function openSecrets(
  given: readonly HmacSecret[],
  store: Pick<KeysStore, 'storedSecret'>,
  log: Logger,
): Promise<readonly HmacSecret[]> {
  const told = (secrets: readonly HmacSecret[]) =>
    secrets.map(({ id, secret }) => ({ id, fingerprint: fingerprintOf(secret) }))
  if (given.length > 0) {
    log.info('hmac secrets in force', { secrets: told(given) })
    return given
  }
  const stored = [await store.storedSecret()]
  log.warn('hmac secret kept in the database: set TK_HMAC_SECRET in production', { secrets: told(stored) })
  return stored
}

/** Tells two secrets apart, and nothing else of them. */
const fingerprintOf = (secret: Uint8Array) => createHash('sha256').update(secret).digest('hex').slice(0, 16)
