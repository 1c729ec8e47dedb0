import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Clock } from './clock.ts'
import { createFolder } from './create-folder.ts'
import { Code, PulltraceError } from './errors.ts'
import { harmless } from './harmless.ts'
import { createFile, type FoundFile, readFile, removeStale } from './lockfile-files.ts'
import { HeldLock } from './lockfile-held.ts'
import { judgeLock } from './lockfile-judge.ts'
import { type ProcessTable, thisMachine } from './lockfile-process.ts'
import { type LockRecord, parseRecord, recordText } from './lockfile-record.ts'
import type { Logger } from './log.ts'

export interface LockOptions {
  readonly databaseFile: string
  /** Each service has a lock of its own beside the database. */
  readonly service: string
  readonly clock: Clock
  readonly log: Logger
  readonly machine?: ProcessTable
}

export interface Lock extends AsyncDisposable {
  readonly file: string
  /** Aborts when another process has taken the lock: stop accepting work and exit. */
  readonly lost: AbortSignal
}

/** Another instance lives. A program exits with `exitCode` (EX_TEMPFAIL of sysexits.h). */
export class LockHeld extends PulltraceError {
  readonly exitCode = 75
}

const mostSteals = 3
const lookAgainMs = 100
/** Longer than an unreadable file may be one that is being written. */
const withinMs = 15_000

/** Of this process; its own token is never a stranger's. */
const mine = new Set<string>()

/**
 * Takes the lock of the one instance of a service on a SQLite database, and keeps it until disposed. What a dead
 * process left is taken over; of two that start at once one wins.
 *
 * @throws LockHeld when another instance lives; Code.Unavailable when the file cannot be written.
 */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const { service, clock, log, machine = thisMachine } = options
  const file = path.resolve(`${options.databaseFile}.${service}.pid`)
  const token = randomBytes(16).toString('hex')
  const text = recordText({
    pid: machine.pid,
    start_time: machine.find(machine.pid)?.startTime ?? null,
    boot_id: machine.bootId ?? null,
    host: machine.host,
    token,
    service,
    started_at: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
  })
  const endMs = clock.monotonic() + withinMs
  let steals = 0
  try {
    createFolder(path.dirname(file))
    while (clock.monotonic() < endMs) {
      if (createFile(file, text, clock.now())) {
        mine.add(token)
        return new HeldLock({ file, text, token, clock, log, released: () => mine.delete(token) })
      }
      const found = readFile(file)
      if (!found) continue
      const record = parseRecord(found.text)
      const verdict = judgeLock({ record, mtimeMs: found.mtimeMs }, machine, other => mine.has(other), clock.now())
      if (verdict.is === 'held') throw held(file, service, verdict.by)
      if (verdict.is === 'stale' && steals < mostSteals && take(file, found, record, clock)) {
        steals++
        log.warn('stale lock file taken over', { file, why: verdict.why, holder: record })
      } else {
        await clock.sleep(lookAgainMs)
      }
    }
  } catch (reason) {
    throw reason instanceof PulltraceError ? reason : notWritable(file, reason)
  }
  throw new PulltraceError(Code.Unavailable, `the lock file ${file} was neither free nor readable for 15 s`, {
    fix: 'if no other instance is running, delete it',
  })
}

const take = (file: string, found: FoundFile, record: LockRecord | undefined, clock: Clock) =>
  removeStale(file, found, record?.token ?? `unreadable-${found.inode}`, clock.now())

/** What is in the file is not ours to trust. */
function held(file: string, service: string, { pid, host, started_at }: LockRecord): LockHeld {
  const holder = `pid ${pid}, host ${harmless(host)}, started ${harmless(started_at)}`
  return new LockHeld(
    Code.Conflict,
    `Another ${service} instance is already running (${holder}). Stop it first, or delete ${file} if you are sure that it is not running.`,
  )
}

function notWritable(file: string, cause: unknown): PulltraceError {
  const { code, message } = cause as NodeJS.ErrnoException
  return new PulltraceError(Code.Unavailable, `the lock file ${file} cannot be written: ${code ?? message}`, {
    cause,
    fix: `let user id ${process.getuid?.() ?? '?'} write to the folder ${path.dirname(file)}, or put the database elsewhere`,
  })
}
