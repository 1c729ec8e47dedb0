import { execFile } from 'node:child_process'
import { checkSettingsFlag } from '../../core/lib/check-settings.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { ChildSpec } from './child.ts'

/** A machine that is busy may take seconds to start a program that only reads its settings. Milliseconds. */
const withinMs = 30_000

/**
 * Has each program read its settings before any of them starts, so that a fault in one does not leave the others half
 * started. Throws once, with the faults of all.
 */
export async function checkPrograms(programs: readonly ChildSpec[]): Promise<void> {
  const said = await Promise.all(programs.map(program => faultOf(program)))
  const faults = said.filter(text => text !== undefined)
  if (faults.length > 0) throw new PulltraceError(Code.Invalid, [...new Set(faults)].join('\n'))
}

/** Undefined when all is well. What is no fault of a setting shows when the program is started. */
function faultOf({ main, env }: ChildSpec): Promise<string | undefined> {
  const args = ['--disable-warning=ExperimentalWarning', main, checkSettingsFlag]
  return new Promise(resolve => {
    execFile(process.execPath, args, { env, timeout: withinMs, encoding: 'utf8' }, (error, _stdout, stderr) =>
      resolve(error?.code === 2 ? stderr.trim() : undefined),
    )
  })
}
