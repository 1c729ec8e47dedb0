import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { RulesPlan } from './plan-rules.ts'

/** A machine that is busy may take seconds to start a program. Milliseconds. */
const withinMs = 30_000

/**
 * Makes what is not there yet: the key by which the server calls tk-sensor-api, and, with a new database, the sample
 * rules. A database that is there is somebody's: nothing in it is touched. Returns what to tell, or undefined.
 */
export async function prepareRules(plan: RulesPlan, sensorApi: string, samples: string): Promise<string | undefined> {
  await makeFolder(plan.databaseFile)
  await makeKey(plan.keyFile)
  if (existsSync(plan.databaseFile) || !existsSync(samples)) return undefined
  const trouble = await importRules(plan, sensorApi, samples)
  return trouble === undefined
    ? `Added the sample rules of ${path.relative('', samples)} to the new database ${plan.databaseFile}.`
    : `The sample rules were not added: ${trouble}`
}

async function makeFolder(file: string): Promise<void> {
  const folder = path.dirname(file)
  try {
    await mkdir(folder, { recursive: true })
  } catch (cause) {
    throw unusable(`the folder '${folder}'`, cause as Error)
  }
}

/** Only its owner may read it; one that is there stays. */
async function makeKey(file: string): Promise<void> {
  await makeFolder(file)
  const key = `tk-v1-${randomBytes(16).toString('hex')}-${randomBytes(32).toString('hex')}\n`
  try {
    await writeFile(file, key, { flag: 'wx', mode: 0o600 })
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
