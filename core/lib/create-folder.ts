import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'

/**
 * Makes the folder and its parents, for their owner alone; one that is there keeps its mode. What was made survives a
 * power loss: SQLite syncs the entries of its files in the folder, nobody else syncs the entry of the folder in its
 * parent.
 */
export function createFolder(folder: string): void {
  const missing: string[] = []
  for (let entry = path.resolve(folder); !existsSync(entry); entry = path.dirname(entry)) missing.unshift(entry)
  // It throws when a file has the name.
  if (missing.length === 0) mkdirSync(folder, { recursive: true })
  // One by one: where nothing can be made, as below /proc, Node's own way through the parents never ends.
  for (const entry of missing) {
    createOne(entry)
    syncFolder(path.dirname(entry))
  }
}

function createOne(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another program makes the same one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
