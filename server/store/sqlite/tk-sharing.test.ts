import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../../core/lib/clock.ts'
import type { PulltraceError } from '../../../core/lib/errors.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { eventually } from '../../../test/eventually.ts'
import { ruleContent } from '../rule-content.fake.ts'
import { eventBatch, sensorEvent } from '../sensor-event.fake.ts'
import type { TkStore } from '../tk-store.ts'
import { openSqliteTk } from './open-sqlite-tk.ts'

const by = { name: 'system' }
const create = ({ rules }: TkStore) => rules.change([{ kind: 'create', content: ruleContent() }], by)

describe('the SQLite file of the tk services', () => {
  let folder: string
  let file: string
  let opened: { close(): unknown }[]
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-tk-'))
    file = path.join(folder, 'data', 'tk.db')
    opened = []
  })
  afterEach(async () => {
    for (const each of opened) await each.close()
    rmSync(folder, { recursive: true })
  })

  function open(lockTimeoutMs?: number): TkStore {
    const retryMs = { first: 10, max: 20 }
    const options = { file, clock: systemClock, log: silentLogger, retryMs }
    const store = openSqliteTk({ ...options, ...(lockTimeoutMs !== undefined && { lockTimeoutMs }) })
    opened.push(store)
    return store
  }

  /** As another program sees it. */
  function raw(): DatabaseSync {
    const db = new DatabaseSync(file)
    opened.push(db)
    return db
  }

  it("is made with its folder, and is its owner's alone, as are the files beside it", async () => {
    await create(open())
    assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700)
    for (const each of [file, `${file}-wal`, `${file}-shm`]) assert.equal(statSync(each).mode & 0o777, 0o600, each)
  })

  it('is in WAL mode, so that readers and a writer work side by side', async () => {
    await create(open())
    assert.deepEqual({ ...raw().prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' })
  })

  it('counts and finds right when one program stores events and another deletes some between', async () => {
    const [sensors, people] = [open(), open()]
    const append = (from: number, count: number, tag: string) =>
      sensors.events.append(
        eventBatch(
          Array.from({ length: count }, (_, n) => sensorEvent(from + n)),
          { tags: [tag] },
        ),
      )
    const whole = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER }
    const found = async (tag: string) => (await people.events.search({ ...whole, tag }, 100)).items.length
    await append(0, 10, 'a')
    await append(10, 5, 'b')
    assert.equal((await people.events.deleteFound({ ...whole, tag: 'a' }, 100, by)).deleted, 10)
    await append(20, 5, 'a')
    assert.deepEqual([await found('a'), await found('b')], [5, 5])
    assert.equal((await people.events.size()).events, 10)
    assert.equal((await people.events.deleteFound(whole, 100, by)).deleted, 10)
    await append(30, 3, 'b')
    assert.deepEqual([await found('a'), await found('b'), (await people.events.size()).events], [0, 3, 3])
    assert.deepEqual([...(await people.events.countByRule(0)).values()], [3])
  })

  it('refuses to change what was written once, whoever asks', async () => {
    const store = open()
    await create(store)
    const { id } = await store.keys.create({ name: 'ci', secretId: 'a', hash: new Uint8Array(32) }, by)
    await store.keys.revoke(id, by)
    const db = raw()
    for (const [sql, why] of [
      ["UPDATE audit SET actor = 'somebody else'", /append-only/],
      ['DELETE FROM audit', /kept for 400 days/],
      ["UPDATE rule_versions SET body = '{}'", /never changes/],
      ['DELETE FROM rule_versions', /are kept/],
      ['UPDATE api_keys SET revoked_ms = NULL', /stays revoked/],
      ["UPDATE api_keys SET hash = x'00'", /never changes/],
      ['DELETE FROM api_keys', /revoked, not deleted/],
    ] as const) {
      assert.throws(() => db.exec(sql), why, sql)
    }
  })

  describe('while another process writes', () => {
    it('waits for it', async () => {
      const store = open()
      await create(store)
      const other = raw()
      other.exec('BEGIN IMMEDIATE')
      const waiting = create(store)
      const first = await Promise.race([waiting, store.rules.list()])
      assert.equal(first.length, 1, 'readers wait for nobody')
      other.exec('COMMIT')
      await waiting
      assert.equal((await store.rules.list()).length, 2)
      assert.deepEqual(store.health(), { healthy: true })
    })

    it('gives up after a while, says when to try again, goes on reading, and writes when it may', async () => {
      const store = open(100)
      await create(store)
      const other = raw()
      other.exec('BEGIN IMMEDIATE')
      // The second has waited behind the first, and does not wait as long again.
      for (const refused of await Promise.allSettled([create(store), create(store)])) {
        assert.ok(refused.status === 'rejected')
        const { code, message, details } = refused.reason as PulltraceError
        assert.deepEqual([code, details.retryAfterSeconds], ['unavailable', 1])
        assert.match(message, /rules database is unavailable: .*tk\.db is in use by another process/)
        assert.match(details.fix!, /try again; if it stays so, look for a process that holds a transaction open/)
      }
      const health = store.health()
      assert.ok(!health.healthy && health.kind === 'in_use', JSON.stringify(health))
      assert.equal((await store.rules.list()).length, 1)
      other.exec('COMMIT')
      await eventually('it is healthy by itself', () => store.health().healthy)
      await create(store)
      assert.equal((await store.rules.list()).length, 2)
    })

    it('can be read from the start', async () => {
      await create(open())
      const other = raw()
      other.exec('BEGIN IMMEDIATE')
      assert.equal((await open(100).rules.list()).length, 1)
      other.exec('COMMIT')
    })

    it('gets its turn beside one that writes without a pause', async function () {
      this.timeout(60_000)
      const store = open()
      await create(store)
      const program = `
        import { workerData, parentPort } from 'node:worker_threads'
        import { DatabaseSync } from 'node:sqlite'
        const db = new DatabaseSync(workerData, { timeout: 10_000 })
        const insert = db.prepare('INSERT INTO probe VALUES (?)')
        let stop = false
        parentPort.on('message', () => { stop = true })
        function next() {
          db.exec('BEGIN IMMEDIATE')
          for (let i = 0; i < 5000; i++) insert.run(i)
          db.exec('DELETE FROM probe')
          db.exec('COMMIT')
          if (stop) { db.close(); process.exit() }
          setImmediate(next)
        }
        next()
        parentPort.postMessage('writing')`
      const writer = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), { workerData: file })
      await once(writer, 'message')
      for (let i = 0; i < 10; i++) await create(store)
      const ended = once(writer, 'exit')
      writer.postMessage('stop')
      await ended
      assert.equal((await store.rules.list()).length, 11)
    })
  })

  describe('of others', () => {
    const refused = async (kind: string, what: RegExp, fix: RegExp) => {
      const store = open()
      await assert.rejects(create(store), ({ code, message, details }: PulltraceError) => {
        assert.equal(code, 'unavailable')
        assert.match(message, what)
        assert.match(details.fix!, fix)
        return true
      })
      const health = store.health()
      assert.ok(!health.healthy && health.kind === kind, JSON.stringify(health))
    }

    it('is refused when a newer version wrote it', async () => {
      const first = open()
      await create(first)
      await first.close()
      const db = raw()
      db.exec("INSERT INTO schema_migrations VALUES (999, 'tk-0999-later', 'x', 1)")
      db.close()
      opened.pop()
      await refused('schema', /written by a newer version: it has schema tk-0999-later/, /run the newer version again/)
    })

    it('is refused when it is of another program, and stays as it is', async () => {
      const first = open()
      await first.rules.list()
      await first.close()
      rmSync(file)
      const db = raw()
      db.exec('CREATE TABLE customers (x)')
      await refused('foreign', /another program: it has a table 'customers'/, /TK_DATABASE_URL/)
      assert.equal(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!['n'], 1)
    })
  })
})
