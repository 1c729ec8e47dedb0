import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'

/**
 * Makes the folder and its parents; what was made survives a power loss. SQLite syncs the entries of its files in the
 * folder, nobody else syncs the entry of the folder in its parent.
 */
export function createFolder(folder: string): void {
  const created = mkdirSync(folder, { recursive: true, mode: 0o750 })
  if (created === undefined) return
  for (let entry = folder; entry.length >= created.length; entry = path.dirname(entry)) {
    const handle = openSync(path.dirname(entry), 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  }
}
