import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { newApiKey, newSecretId } from '../../core/contract/api-key.ts'
import { createFolder } from '../../core/lib/create-folder.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { RulesPlan } from './plan-rules.ts'

/** A machine that is busy may take seconds to start a program. Milliseconds. */
const withinMs = 30_000

/**
 * Makes what is not there yet: the key by which the server calls tk-sensor-api, and, with a new database, the sample
 * rules. A database that is there is somebody's: nothing in it is touched. Returns what to tell, or undefined.
 */
export async function prepareRules(plan: RulesPlan, sensorApi: string, samples: string): Promise<string | undefined> {
  makeFolder(plan.databaseFile)
  await makeKey(plan.keyFile)
  if (existsSync(plan.databaseFile) || !existsSync(samples)) return undefined
  const trouble = await importRules(plan, sensorApi, samples)
  return trouble === undefined
    ? `Added the sample rules of ${path.relative('', samples)} to the new database ${plan.databaseFile}.`
    : `The sample rules were not added: ${trouble}`
}

function makeFolder(file: string): void {
  const folder = path.dirname(file)
  try {
    createFolder(folder)
  } catch (cause) {
    throw unusable(`the folder '${folder}'`, cause as Error)
  }
}

/** Only its owner may read it; one that is there stays. */
async function makeKey(file: string): Promise<void> {
  makeFolder(file)
  try {
    await writeFile(file, `${newApiKey(newSecretId())}\n`, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST')
      throw unusable(`the key for rules in '${file}'`, cause as Error)
  }
}

function unusable(what: string, cause: Error): PulltraceError {
  return new PulltraceError(Code.Unavailable, `cannot make ${what}: ${cause.message}`, {
    fix: 'set PULLTRACE_DATA_DIR to a folder that can be written, or write `enabled: false` in spec.rules',
    cause,
  })
}

/** Undefined when it is done. */
function importRules({ sensorApi: env }: RulesPlan, main: string, samples: string): Promise<string | undefined> {
  const args = ['--disable-warning=ExperimentalWarning', main, 'rules', 'import', samples]
  return new Promise(resolve => {
    execFile(process.execPath, args, { env, timeout: withinMs, encoding: 'utf8' }, (error, _stdout, stderr) =>
      resolve(error === null ? undefined : stderr.trim() || error.message),
    )
  })
}
