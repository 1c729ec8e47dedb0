import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { describeEventsStore } from '../events-conformance.ts'
import { openSqliteTk } from './open-sqlite-tk.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-events-'))
let files = 0

describeEventsStore('SQLite', async () =>
  openSqliteTk({ file: path.join(folder, `${files++}.db`), clock: systemClock, log: silentLogger }),
)

after(() => rmSync(folder, { recursive: true }))
