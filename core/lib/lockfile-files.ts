import {
  closeSync,
  fstatSync,
  futimesSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { unreadableAfterMs } from './lockfile-judge.ts'

export interface FoundFile {
  readonly text: string
  readonly mtimeMs: number
  readonly inode: number
}

/** False when it is there already. Its age is by our clock, which is what it is judged by. */
export function createFile(file: string, text: string, nowMs: number): boolean {
  const handle = attempt('EEXIST', () => openSync(file, 'wx', 0o600))
  if (handle === undefined) return false
  try {
    writeSync(handle, text)
    futimesSync(handle, nowMs / 1000, nowMs / 1000)
    return true
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  } finally {
    closeSync(handle)
  }
}

/** Undefined when there is none. */
export function readFile(file: string): FoundFile | undefined {
  const handle = attempt('ENOENT', () => openSync(file, 'r'))
  if (handle === undefined) return undefined
  try {
    const { mtimeMs, ino: inode } = fstatSync(handle)
    return { text: readFileSync(handle, 'utf8'), mtimeMs, inode }
  } finally {
    closeSync(handle)
  }
}

/** Says at `nowMs` that the holder lives, in the file that has this text; false when it has another one. Undefined when there is none. */
export function touchFile(file: string, text: string, nowMs: number): boolean | undefined {
  const handle = attempt('ENOENT', () => openSync(file, 'r+'))
  if (handle === undefined) return undefined
  try {
    if (readFileSync(handle, 'utf8') !== text) return false
    futimesSync(handle, nowMs / 1000, nowMs / 1000)
    return true
  } finally {
    closeSync(handle)
  }
}

/**
 * Removes the stale file that was judged, and never another one. Of several starters that judged it alike one may:
 * the one whose claim, a file with the stale one's name, was created. Between a look and a rename without that, the
 * file could have become the fresh one of a starter that was quicker. False: look again.
 */
export function removeStale(file: string, judged: FoundFile, name: string, nowMs: number): boolean {
  const claim = `${file}.stale.${name}`
  if (!createFile(claim, '', nowMs)) {
    removeAbandoned(claim, nowMs)
    return false
  }
  try {
    if (!isSame(readFile(file), judged)) return false
    renameSync(file, claim)
    if (isSame(readFile(claim), judged)) return true
    // Its holder, judged dead, has woken up and given it back, and another one has begun: that one's file.
    attempt('EEXIST', () => linkSync(claim, file))
    return false
  } finally {
    rmSync(claim, { force: true })
  }
}

const isSame = (found: FoundFile | undefined, judged: FoundFile) =>
  found !== undefined && found.inode === judged.inode && found.text === judged.text

/** The claim of a starter that died between two lines of `removeStale`. */
function removeAbandoned(claim: string, nowMs: number): void {
  const found = attempt('ENOENT', () => statSync(claim))
  if (found && nowMs - found.mtimeMs > unreadableAfterMs) rmSync(claim, { force: true })
}

/** Undefined when it fails with this code. */
function attempt<T>(expected: string, call: () => T): T | undefined {
  try {
    return call()
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === expected) return undefined
    throw reason
  }
}
