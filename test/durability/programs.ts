import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** A folder that goes away with the test, also when it was a mount. */
export function temporaryFolder(): { readonly path: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-durability-'))
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A volume of its own, such as '1m' large. */
export function temporaryVolume(size: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-volume-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'pulltrace-test', folder], { stdio: 'pipe' })
  } catch (cause) {
    rmSync(folder, { recursive: true })
    throw new Error('a volume of its own needs root: run the tests in `unshare --map-root-user --mount`', { cause })
  }
  return {
    path: folder,
    /** 'ro', 'rw', 'size=4m'. */
    remount: (options: string) => void execFileSync('mount', ['-o', `remount,${options}`, folder]),
    [Symbol.dispose]: () => {
      execFileSync('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The file of a program in this folder. */
export const program = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Starts a program; `ended` resolves when all that it wrote was read. */
export function start(command: string, args: readonly string[]) {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const errors: string[] = []
  const out = createInterface({ input: child.stdout })
  out.on('line', line => lines.push(line))
  const err = createInterface({ input: child.stderr })
  err.on('line', line => errors.push(`${line}\n`))
  const ended = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal, lines, errors }))
  const heard = (from: Interface, pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      from.on('line', line => pattern.test(line) && resolve(line))
      ended.then(() => reject(new Error(`ended without ${pattern}: ${errors.join('')}`)))
    })
  return {
    pid: child.pid!,
    ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves with the first new line that fits; fails when the program ends before. */
    line: (pattern: RegExp) => heard(out, pattern),
    /** Likewise of stderr. */
    complaint: (pattern: RegExp) => heard(err, pattern),
  }
}
