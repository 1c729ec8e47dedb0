import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { createFolder } from '../../../core/lib/create-folder.ts'
import type { Logger } from '../../../core/lib/log.ts'

const keyBytes = 32

/**
 * The key that seals sessions: a file of its own beside the history, made at the first start, for its owner only. Where
 * it cannot be kept the server runs all the same, and a restart signs everybody out.
 */
export async function openSessionKey(dataDir: string, log: Logger): Promise<Buffer> {
  const file = path.join(dataDir, 'session.key')
  try {
    const known = await readFile(file).catch(ignoreMissing)
    return known?.length === keyBytes ? known : await makeKey(dataDir, file)
  } catch (error) {
    log.warn('the key of sessions is not kept: a restart will sign everybody out', { file, error })
    return randomBytes(keyBytes)
  }
}

async function makeKey(dataDir: string, file: string): Promise<Buffer> {
  createFolder(dataDir)
  const key = randomBytes(keyBytes)
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(key)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return key
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
