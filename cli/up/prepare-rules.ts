import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { newApiKey, newSecretId } from '../../core/contract/api-key.ts'
import { createFolder } from '../../core/lib/create-folder.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { randomPassword } from '../../core/lib/random-password.ts'
import type { Child } from './child.ts'
import { formatLogLine } from './log-line.ts'
import type { RulesPlan } from './plan-rules.ts'

/**
 * Makes what is not there yet: the folder of the database, the key by which the server calls tk-sensor-api, and the
 * first password of tk-web-ui. What is there stays.
 */
export async function prepareRules({ databaseFile, keyFile, passwordFile }: RulesPlan): Promise<void> {
  makeFolder(databaseFile)
  await makeSecret('the key for rules', keyFile, () => newApiKey(newSecretId()))
  await makeSecret('the first password for rules', passwordFile, randomPassword)
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

function makeFolder(file: string): void {
  const folder = path.dirname(file)
  try {
    createFolder(folder)
  } catch (cause) {
    throw unusable(`the folder '${folder}'`, cause as Error)
  }
}

/** Only its owner may read it. */
async function makeSecret(what: string, file: string, make: () => string): Promise<void> {
  makeFolder(file)
  try {
    await writeFile(file, `${make()}\n`, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(`${what} in '${file}'`, cause as Error)
  }
}

function unusable(what: string, cause: Error): PulltraceError {
  return new PulltraceError(Code.Unavailable, `cannot make ${what}: ${cause.message}`, {
    fix: 'set PULLTRACE_DATA_DIR to a folder that can be written, or write `enabled: false` in spec.rules',
    cause,
  })
}
