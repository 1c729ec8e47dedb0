import { randomFillSync } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'

const mebibyte = 1024 * 1024

/**
 * SQLite needs room to delete: for what waits in the WAL, which is 4 MiB before it goes into the file, and for
 * the pages of a small prune, which pass through the WAL too. Volumes too small for that get what they can spare. Bytes.
 */
const mostBytes = 6 * mebibyte
const shareOfVolume = 0.1
const chunkBytes = mebibyte / 4

const fileOf = (databaseFile: string) => `${databaseFile}.reserve`

/**
 * Sets room aside beside the database, to be given up when the volume is full: without it a history that has
 * filled its volume could not even remove what is old. Does nothing when it is there, or when there is hardly room.
 */
export function keepReserve(databaseFile: string): void {
  const file = fileOf(databaseFile)
  const { bavail, blocks, bsize } = statfsSync(path.dirname(databaseFile))
  const bytes = Math.round(Math.min(mostBytes, shareOfVolume * blocks * bsize))
  if (statSync(file, { throwIfNoEntry: false })?.size === bytes || bavail * bsize < 1.5 * bytes) return
  try {
    write(file, bytes)
  } catch (error) {
    // Half of it would take room and give none that suffices.
    rmSync(file, { force: true })
    throw error
  }
}

/** Whether there was one to give up. */
export function releaseReserve(databaseFile: string): boolean {
  const file = fileOf(databaseFile)
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return false
  rmSync(file)
  return true
}

/** Random bytes: a file system that compresses, or keeps no zeros, would set nothing aside. */
function write(file: string, bytes: number): void {
  const chunk = randomFillSync(Buffer.alloc(chunkBytes))
  const handle = openSync(file, 'w', 0o600)
  try {
    for (let left = bytes; left > 0; left -= chunk.length) writeSync(handle, chunk, 0, Math.min(left, chunk.length))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
