import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { describeTkStore } from '../tk-conformance.ts'
import { openSqliteTk } from './open-sqlite-tk.ts'

const folders: string[] = []

describeTkStore('SQLite', async ({ now }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-tk-'))
  folders.push(folder)
  const file = path.join(folder, 'tk.db')
  return () => openSqliteTk({ file, clock: { ...systemClock, now }, log: silentLogger })
})

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})
