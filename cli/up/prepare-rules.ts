import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { newApiKey, newSecretId } from '../../core/contract/api-key.ts'
import { createFolder } from '../../core/lib/create-folder.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { randomPassword } from '../../core/lib/random-password.ts'
import type { Env } from '../../core/lib/settings.ts'
import type { Child } from './child.ts'
import { formatLogLine } from './log-line.ts'
import type { RulesPlan } from './plan-rules.ts'

/** Says where everything is that no setting of its own places. */
const dataDirSetting = 'PULLTRACE_DATA_DIR'

/**
 * Makes what is not there yet: the folder of the database, the key by which the server calls tk-sensor-api, and the
 * first password of tk-web-ui. What is there stays. `env` is what `up` was started with.
 */
export async function prepareRules({ databaseFile, keyFile, passwordFile }: RulesPlan, env: Env): Promise<void> {
  const settingOf = (name: string) => (env[name] ? name : dataDirSetting)
  makeFolder(databaseFile, settingOf('TK_DATABASE_URL'))
  const key = { what: 'the key for rules', file: keyFile, setting: settingOf('TK_BOOTSTRAP_API_KEY_FILE') }
  await makeSecret(key, () => newApiKey(newSecretId()))
  const setting = settingOf('TK_ADMIN_PASSWORD_FILE')
  await makeSecret({ what: 'the first password for rules', file: passwordFile, setting }, randomPassword)
}

/** A database that is there is somebody's: nothing in it is touched. */
export const wantsSamples = ({ databaseFile }: RulesPlan, samples: string): boolean =>
  !existsSync(databaseFile) && existsSync(samples)

/**
 * Has `importer`, a tk-sensor-api that was loaded for it, add the sample rules. Returns what to tell; undefined when
 * `halt` came first.
 */
export async function addSamples(
  { databaseFile }: RulesPlan,
  importer: Child,
  samples: string,
  halt: AbortSignal,
): Promise<string | undefined> {
  importer.begin({})
  await importer.until(() => false, halt)
  if (halt.aborted) return undefined
  const { code } = await importer.exited
  if (code === 0) return `Added the sample rules of ${path.relative('', samples)} to the new database ${databaseFile}.`
  const why = importer.tail.map(line => formatLogLine(line, false)).join(' ')
  return `The sample rules were not added: ${why || 'it was ended'}`
}

function makeFolder(file: string, setting: string): void {
  const folder = path.dirname(file)
  try {
    createFolder(folder)
  } catch (cause) {
    throw unusable(`the folder '${folder}'`, setting, cause as NodeJS.ErrnoException)
  }
}

interface SecretFile {
  readonly what: string
  readonly file: string
  /** Says where it is. */
  readonly setting: string
}

/** Only its owner may read it. */
async function makeSecret({ what, file, setting }: SecretFile, make: () => string): Promise<void> {
  makeFolder(file, setting)
  try {
    await writeFile(file, `${make()}\n`, { flag: 'wx', mode: 0o600 })
  } catch (reason) {
    const cause = reason as NodeJS.ErrnoException
    if (cause.code !== 'EEXIST') throw unusable(`${what} in '${file}'`, setting, cause)
  }
}

function unusable(what: string, setting: string, cause: NodeJS.ErrnoException): PulltraceError {
  const place = setting === dataDirSetting ? 'a folder' : 'a file in a folder'
  if (cause.code === 'ENOTDIR') {
    return new PulltraceError(Code.Invalid, `${setting} must be ${place}: ${cause.message}`, {
      fix: `set ${setting} to another place`,
      cause,
    })
  }
  return new PulltraceError(Code.Unavailable, `cannot make ${what}: ${cause.message}`, {
    fix: `set ${setting} to ${place} that can be written, or write \`enabled: false\` in spec.rules`,
    cause,
  })
}
