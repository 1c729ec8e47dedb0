import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { describeHistoryStore } from '../conformance.ts'
import { endedPull } from '../ended-pull.fake.ts'
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

  it('ends its pruning on a database that keeps its free pages, as one that was restored from a dump', async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'pulltrace-history-'))
    folders.push(dataDir)
    const open = () => openSqliteHistory({ dataDir, clock: systemClock, log: silentLogger })
    const made = open()
    await made.append(Array.from({ length: 600 }, (_, i) => endedPull(`p${i}`)))
    await made.close()
    const restored = new DatabaseSync(path.join(dataDir, 'pulls.db'))
    restored.exec('PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM')
    assert.deepEqual({ ...restored.prepare('PRAGMA auto_vacuum').get() }, { auto_vacuum: 0 })
    restored.close()
    const store = open()
    try {
      assert.equal(await store.prune(systemClock.now() + 1, Number.MAX_SAFE_INTEGER), 600)
      assert.equal((await store.size()).pulls, 0)
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
