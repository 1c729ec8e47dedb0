import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { Migration } from '../migrations/migration.ts'
import type { FailureKind, StoreFault } from './failure.ts'
import { migrate } from './migrate.ts'
import { tkWords } from './store-words.ts'

const file = '/data/pulls.db'
const first: Migration = {
  version: 1,
  name: '0001-a',
  sqlite: 'CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)',
}
const second: Migration = { version: 2, name: '0002-b', sqlite: 'UPDATE a SET x = x + 1' }

describe('migrate', () => {
  let db: DatabaseSync
  beforeEach(() => {
    db = new DatabaseSync(':memory:')
  })
  afterEach(() => db.close())

  const xOf = (from: DatabaseSync) => (from.prepare('SELECT x FROM a').get() as { x: number }).x
  const fails = (kind: FailureKind, words: RegExp) => (error: unknown) => {
    const { failure } = error as StoreFault
    assert.equal(failure.kind, kind)
    assert.match(failure.message, words)
    assert.ok(failure.message.includes(file) && failure.fix !== '')
    return true
  }

  it('runs each step once, and later only what is new', () => {
    assert.deepEqual(migrate(db, file, [first], 1, tkWords), ['0001-a'])
    assert.deepEqual(migrate(db, file, [first], 2, tkWords), [])
    assert.deepEqual(migrate(db, file, [first, second], 3, tkWords), ['0002-b'])
    assert.deepEqual(migrate(db, file, [first, second], 4, tkWords), [])
    assert.equal(xOf(db), 2)
  })

  it('does not mind how a step is indented', () => {
    migrate(db, file, [first], 1, tkWords)
    assert.deepEqual(
      migrate(db, file, [{ ...first, sqlite: `\n  ${first.sqlite.replaceAll(' ', '   ')}\n` }], 2, tkWords),
      [],
    )
  })

  it('leaves nothing of a step that fails, nor of those before it', () => {
    const broken = { version: 2, name: '0002-broken', sqlite: 'UPDATE a SET x = 5; INSERT INTO none VALUES (1)' }
    assert.throws(() => migrate(db, file, [first, broken], 1, tkWords), /no such table: none/)
    assert.equal(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!['n'], 0)
    assert.deepEqual(migrate(db, file, [first], 2, tkWords), ['0001-a'])
  })

  it('refuses a database of a newer version', () => {
    migrate(db, file, [first, second], 1, tkWords)
    assert.throws(() => migrate(db, file, [first], 2, tkWords), fails('schema', /written by a newer version.*0002-b/))
  })

  it('refuses a step whose text has changed', () => {
    migrate(db, file, [first], 1, tkWords)
    const changed = { ...first, sqlite: first.sqlite.replace('(1)', '(2)') }
    assert.throws(() => migrate(db, file, [changed, second], 2, tkWords), fails('schema', /0001-a.*another text/))
    assert.equal(xOf(db), 1)
  })

  it('refuses a database of another program and leaves it as it is', () => {
    db.exec('CREATE TABLE customers (x)')
    assert.throws(() => migrate(db, file, [first], 1, tkWords), fails('foreign', /another program.*'customers'/))
    assert.equal(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!['n'], 1)
  })

  it('runs each step once when many start at the same instant', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-migrate-'))
    try {
      const real = path.join(folder, 'tk.db')
      const gate = new SharedArrayBuffer(4)
      const program = `
        import { workerData, parentPort } from 'node:worker_threads'
        import { DatabaseSync } from 'node:sqlite'
        import { migrate } from ${JSON.stringify(new URL('./migrate.ts', import.meta.url).href)}
        const db = new DatabaseSync(workerData.real, { timeout: 5000 })
        parentPort.postMessage('ready')
        Atomics.wait(new Int32Array(workerData.gate), 0, 0)
        parentPort.postMessage(migrate(db, workerData.real, workerData.steps, 1, workerData.words))
        db.close()`
      const starters = Array.from({ length: 6 }, () => {
        const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`)
        return new Worker(url, { workerData: { real, gate, steps: [first, second], words: tkWords } })
      })
      await Promise.all(starters.map(starter => once(starter, 'message')))
      const answers = starters.map(starter => once(starter, 'message'))
      Atomics.store(new Int32Array(gate), 0, 1)
      Atomics.notify(new Int32Array(gate), 0)
      const ran = (await Promise.all(answers)).map(([names]) => (names as string[]).length)
      assert.deepEqual(ran.sort(), [0, 0, 0, 0, 0, 2])
      const seen = new DatabaseSync(real)
      assert.equal(xOf(seen), 2)
      seen.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
