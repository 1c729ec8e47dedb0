import { hostname, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import type { Env } from '../../../core/lib/settings.ts'
import { openSqliteTk } from '../../store/sqlite/open-sqlite-tk.ts'
import { run } from './run.ts'

/** Runs one admin command, or whatever else the arguments are, on this process's terminal; resolves with its exit code. */
export function runCommand(argv: readonly string[], env: Env): Promise<number> {
  const { stdin, stdout, stderr } = process
  // Whoever read our output has gone (`| head`): what was asked for is done all the same.
  for (const stream of [stdout, stderr]) stream.on('error', () => {})
  return run(argv, {
    env,
    stdin,
    stdout,
    stderr,
    clock: systemClock,
    actor: { name: `cli:${userName()}@${hostname()}` },
    // What fails, fails a call: the command says it, once and in words.
    openStore: file => openSqliteTk({ file, clock: systemClock, log: silentLogger }),
    confirm,
  })
}

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `${process.getuid?.() ?? 'unknown'}`
  }
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim())
  } catch {
    // Ctrl-C or Ctrl-D: no. The question still stands on its line.
    process.stderr.write('\n')
    return false
  } finally {
    terminal.close()
  }
}
