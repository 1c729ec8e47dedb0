import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import path from 'node:path'

/**
 * Makes the folder and its parents, for their owner alone; one that is there keeps its mode. What was made survives a
 * power loss: SQLite syncs the entries of its files in the folder, nobody else syncs the entry of the folder in its
 * parent. Where a file has the name, of the folder or of a parent, it throws ENOTDIR and says so.
 */
export function createFolder(folder: string): void {
  const missing: string[] = []
  let entry = path.resolve(folder)
  for (; !existsSync(entry); entry = path.dirname(entry)) missing.unshift(entry)
  if (!statSync(entry).isDirectory()) throw notAFolder(entry)
  // One by one: where nothing can be made, as below /proc, Node's own way through the parents never ends.
  for (const each of missing) {
    createOne(each)
    syncFolder(path.dirname(each))
  }
}

const notAFolder = (file: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`'${file}' is a file and not a folder`), { code: 'ENOTDIR' })

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
