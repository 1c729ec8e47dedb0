import { open } from 'node:fs/promises'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { ApiKey, KeysStore } from '../../store/keys-store.ts'
import { hashesOf, keyForm, type ParsedKey, parseKey } from '../../tk/api-key.ts'
import type { HmacSecret } from '../../tk/secrets.ts'

export interface BootstrapParts {
  /** Of TK_BOOTSTRAP_API_KEY_FILE. */
  readonly file: string
  readonly secrets: readonly HmacSecret[]
  readonly store: Pick<KeysStore, 'create' | 'findByHash'>
  readonly log: Logger
}

const variable = 'TK_BOOTSTRAP_API_KEY_FILE'

/**
 * Registers the key in the file, so that a sensor that was deployed with it can call. Once: at the next start it is
 * there, and a revoked one stays revoked.
 *
 * @throws Code.Invalid when the file cannot be read or holds no key; never with what it holds.
 */
export async function registerBootstrapKey({ file, secrets, store, log }: BootstrapParts): Promise<void> {
  const hashes = hashesOf(secrets, await readKey(file))
  const there = await firstFound(hashes.map(({ hash }) => store.findByHash(hash)))
  if (there) return tell(there, file, log)
  const [{ secretId, hash }] = hashes as [(typeof hashes)[number]]
  try {
    const { id } = await store.create({ name: 'bootstrap', secretId, hash }, { name: 'system' })
    log.info('bootstrap key registered', { keyId: id, file })
  } catch (reason) {
    // Another process was quicker.
    if (PulltraceError.from(reason).code !== Code.Conflict) throw reason
  }
}

async function firstFound(asked: readonly Promise<ApiKey | undefined>[]): Promise<ApiKey | undefined> {
  return (await Promise.all(asked)).find(key => key !== undefined)
}

function tell({ id, revokedAtMs }: ApiKey, file: string, log: Logger): void {
  if (revokedAtMs !== undefined) log.warn('bootstrap key is revoked and stays so', { keyId: id, file })
  else log.debug('bootstrap key was there', { keyId: id, file })
}

async function readKey(file: string): Promise<ParsedKey> {
  const text = (await readStart(file)).trim()
  const key = parseKey(text)
  if (key) return key
  throw new PulltraceError(
    Code.Invalid,
    `the file of ${variable}, ${file}, must hold one API key: ${keyForm}, got ${text.length} other characters`,
    { fix: "'tk-sensor-api keys create NAME' makes one" },
  )
}

/** Its first 4 KiB: a key is 103 characters. */
async function readStart(file: string): Promise<string> {
  try {
    await using handle = await open(file)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
    throw new PulltraceError(Code.Invalid, `the file of ${variable}, ${file}, cannot be read: ${why}`, { cause })
  }
}
