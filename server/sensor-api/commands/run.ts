import { existsSync } from 'node:fs'
import { type Command, CommanderError } from 'commander'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { harmless } from '../../../core/lib/harmless.ts'
import type { Env } from '../../../core/lib/settings.ts'
import { settings } from '../config.ts'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-code.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { pauseRules, resumeRules } from './pause.ts'
import { createProgram } from './program.ts'
import { applyRules, importRules } from './rules-apply.ts'
import { exportRules, listRules, showRule } from './rules-show.ts'
import type { Task, World } from './world.ts'

/** Runs one command and resolves with its exit code; it has said by then what went wrong. */
export async function run(argv: readonly string[], world: World): Promise<ExitCode> {
  const { stdout, stderr } = world
  let code: ExitCode = exitCodes.done
  let command: Command | undefined
  /** Runs the work with the database open. `make`: it may be made, as it is by whoever comes first. */
  const within = async (make: boolean, work: (task: Task) => Promise<ExitCode>) => {
    code = await withStore(databaseFile(command, world.env), make, world, work)
  }
  const program = createProgram({
    createKey: (name, output) =>
      within(
        true,
        untilDone(task => createKey(name, output, task)),
      ),
    listKeys: output =>
      within(
        false,
        untilDone(task => listKeys(output, task)),
      ),
    revokeKey: id =>
      within(
        false,
        untilDone(task => revokeKey(id, task)),
      ),
    listRules: output =>
      within(
        false,
        untilDone(task => listRules(output, task)),
      ),
    showRule: (id, output) =>
      within(
        false,
        untilDone(task => showRule(id, output, task)),
      ),
    exportRules: (file, format) =>
      within(
        false,
        untilDone(task => exportRules(file, format, task)),
      ),
    importRules: file => within(true, task => importRules(file, task)),
    applyRules: (files, options) => within(options.dryRun !== true, task => applyRules(files, options, task)),
    pauseRules: why =>
      within(
        false,
        untilDone(task => pauseRules(why, task)),
      ),
    resumeRules: () => within(false, untilDone(resumeRules)),
  })
  for (const each of allOf(program)) {
    each.exitOverride().configureOutput({
      writeOut: text => void stdout.write(text),
      writeErr: text => void stderr.write(text),
      getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 100),
      getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 100),
    })
  }
  program.hook('preAction', (_, chosen) => {
    command = chosen
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (reason) {
    // Commander has written its message already.
    if (reason instanceof CommanderError) return reason.exitCode === 0 ? exitCodes.done : exitCodes.refused
    const error = PulltraceError.from(reason)
    const told = error.code === Code.Internal ? ((reason as Error).stack ?? error.message) : error.message
    const { fix } = error.details
    stderr.write(`tk-sensor-api: ${told.split('\n').map(harmless).join('\n')}\n${fix ? `  ${harmless(fix)}\n` : ''}`)
    return exitCodeOf(error.code)
  }
}

async function withStore<T>(file: string, make: boolean, world: World, work: (task: Task) => Promise<T>): Promise<T> {
  if (!make && !existsSync(file)) {
    throw new PulltraceError(Code.NotFound, `there is no database ${file}`, {
      fix: 'name it with --database or TK_DATABASE_URL',
    })
  }
  const { openStore, ...rest } = world
  const store = openStore(file)
  try {
    return await work({
      ...rest,
      store,
      say: line => void world.stderr.write(`${harmless(line)}\n`),
      print: text => void world.stdout.write(text),
    })
  } finally {
    await store.close()
  }
}

/** As the service reads it. */
function databaseFile(command: Command | undefined, env: Env): string {
  const { name, default: fallback, parse } = settings.databaseFile
  const given = command?.opts<{ database?: string }>().database ?? (env[name] || fallback!)
  try {
    return parse(given)
  } catch (reason) {
    throw new PulltraceError(Code.Invalid, `the database must be ${(reason as Error).message}, got '${given}'`)
  }
}

/** Work that fails, or is done. */
const untilDone = (work: (task: Task) => Promise<void>) => async (task: Task) => {
  await work(task)
  return exitCodes.done
}

const allOf = (command: Command): Command[] => [command, ...command.commands.flatMap(allOf)]
