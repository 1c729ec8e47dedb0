import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { describeHistoryStore } from '../conformance.ts'
import { openSqliteHistory } from './open-sqlite-history.ts'

const folders: string[] = []

describeHistoryStore('SQLite', async ({ now }) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'pulltrace-history-'))
  folders.push(dataDir)
  return openSqliteHistory({ dataDir, clock: { ...systemClock, now }, log: silentLogger })
})

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})
