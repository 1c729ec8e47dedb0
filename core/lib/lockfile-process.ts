import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** What a lock file's holder is told by, and how a holder is looked for. A parameter, so that tests can be another machine. */
export interface ProcessTable {
  readonly pid: number
  readonly host: string
  /** New with each boot of the machine; undefined where there is none to read. */
  readonly bootId: string | undefined
  find(pid: number): FoundProcess | undefined
}

export interface FoundProcess {
  /** Ticks since boot: with the pid it names one process for good. Undefined where the platform does not tell. */
  readonly startTime: string | undefined
}

/** The machine that this process is on. */
export const thisMachine: ProcessTable = {
  pid: process.pid,
  host: hostname(),
  bootId: readText('/proc/sys/kernel/random/boot_id')?.trim(),
  find: findProcess,
}

/** A process that has ended and that nobody has waited for is none: pid 1 of a container may never wait. */
function findProcess(pid: number): FoundProcess | undefined {
  if (!exists(pid)) return undefined
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === undefined) return { startTime: undefined }
  // proc(5): the name, in parentheses, may hold anything; state is field 3, starttime field 22.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? undefined : { startTime: rest[18] }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Not this platform, or hidden from this user: the caller goes by what is left.
    return undefined
  }
}
