import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
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

describe('openSqliteHistory', () => {
  it("makes a folder and files that are their owner's alone", async () => {
    const parent = mkdtempSync(path.join(tmpdir(), 'pulltrace-history-'))
    folders.push(parent)
    const dataDir = path.join(parent, 'data')
    const store = openSqliteHistory({ dataDir, clock: systemClock, log: silentLogger })
    try {
      // Then it sets room aside, too.
      await store.prune(0, Number.MAX_SAFE_INTEGER)
      assert.equal(statSync(dataDir).mode & 0o777, 0o700)
      const files = readdirSync(dataDir).toSorted()
      assert.deepEqual(files, ['pulls.db', 'pulls.db-wal', 'pulls.db.holder', 'pulls.db.reserve'])
      for (const file of files) assert.equal(statSync(path.join(dataDir, file)).mode & 0o777, 0o600, file)
    } finally {
      await store.close()
    }
  })

  it('says which setting names a file where a folder must be', async () => {
    const parent = mkdtempSync(path.join(tmpdir(), 'pulltrace-history-'))
    folders.push(parent)
    const dataDir = path.join(parent, 'data')
    writeFileSync(dataDir, '')
    const store = openSqliteHistory({ dataDir, clock: systemClock, log: silentLogger })
    const message = `${path.join(dataDir, 'pulls.db')} cannot be opened: '${dataDir}' is a file and not a folder`
    await assert.rejects(store.size(), {
      message: `history is unavailable: ${message}`,
      details: { fix: 'set PULLTRACE_DATA_DIR to another place' },
    })
    await store.close()
  })
})

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})
