import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const prefix = 'pulltrace-rig-'

/**
 * A folder of its own for one real program. Its name holds our process id, so that the next run can remove what a
 * killed one left. Kept short: a unix socket's path may have 107 bytes.
 */
export async function makeRigDir(name: string): Promise<string> {
  swept ??= sweepRigDirs()
  await swept
  return mkdtemp(path.join(os.tmpdir(), `${prefix}${process.pid}-${name}-`))
}

/** Unmounts everything below `dir`, deepest first, and removes it. */
export async function removeRigDir(dir: string): Promise<void> {
  for (const mount of await mountsBelow(dir)) await run('umount', ['-l', mount])
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
}

/** Mount points below `dir`, deepest first. */
export async function mountsBelow(dir: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n')
  return lines
    .map(line => line.split(' ')[1] ?? '')
    .filter(mount => mount.startsWith(`${dir}/`))
    .reverse()
}

/** False too for a process that has ended and that nobody has waited for. */
export function processRuns(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false // No such process.
  }
}

let swept: Promise<void> | undefined

/** Removes the folders of rigs whose process is gone; its programs died with it. */
export async function sweepRigDirs(): Promise<void> {
  const left = readdirSync(os.tmpdir()).filter(name => {
    const owner = name.startsWith(prefix) ? name.slice(prefix.length).split('-')[0] : undefined
    return owner !== undefined && !processRuns(Number(owner))
  })
  // Another run may be sweeping the same folder.
  await Promise.all(left.map(name => removeRigDir(path.join(os.tmpdir(), name)).catch(() => {})))
}

export interface Child {
  readonly pid: number
  /** Everything it wrote so far, both streams, over all starts with the same log file. */
  readonly log: () => string
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<void>
  /** Null while it runs, and when a signal ended it. */
  readonly exitCode: () => number | null
  /** Sends the signal and waits; after `limitMs` the process is killed. */
  end(signal: NodeJS.Signals, limitMs?: number): Promise<void>
}

/** Starts a real program that dies with this process, however this process ends. */
export async function startChild(file: string, args: readonly string[], logFile: string, env = process.env) {
  const log = openSync(logFile, 'a')
  // setpriv sets the parent-death signal and execs: the pid is the program's own.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', file, ...args], { stdio: ['ignore', log, log], env })
  closeSync(log)
  await once(child, 'spawn')
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const started: Child = {
    pid: child.pid!,
    log: () => readFileSync(logFile, 'utf8'),
    exited,
    exitCode: () => child.exitCode,
    async end(signal, limitMs = 10_000) {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      const killer = setTimeout(() => child.kill('SIGKILL'), limitMs)
      await exited
      clearTimeout(killer)
    },
  }
  return started
}

/**
 * Asks until `ready` returns something. For programs that only say by being asked that they have started.
 * Fails with the end of the log when the program exits or the limit passes; then the program is gone too.
 */
export async function waitUntil<T>(child: Child, ready: () => Promise<T | undefined>, limitMs = 20_000): Promise<T> {
  const end = performance.now() + limitMs
  let gone = false
  void child.exited.then(() => {
    gone = true
  })
  for (;;) {
    const answer = await ready()
    if (answer !== undefined) return answer
    if (gone || performance.now() > end) {
      const what = gone ? 'exited' : `is not ready after ${limitMs} ms`
      await child.end('SIGKILL')
      const tail = child.log().split('\n').slice(-12).join('\n')
      throw new Error(`process ${child.pid} ${what}:\n${tail}`)
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
