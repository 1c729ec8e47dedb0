import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { openSqliteHistory } from '../../server/store/sqlite/open-sqlite-history.ts'
import { program, start, temporaryFolder } from './programs.ts'

const rounds = process.env['SOAK'] ? 50 : 5

describe('G1: an acknowledged pull survives kill -9', () => {
  it(`in ${rounds} rounds at random moments, on one file`, async function () {
    this.timeout(rounds * 20_000)
    using folder = temporaryFolder()
    const acknowledged = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const writer = start(process.execPath, [program('writer.ts'), folder.path, `r${round}`])
      await writer.line(/^ack /)
      // From the middle of a commit to after a checkpoint (one each 1,000 pages).
      await systemClock.sleep(Math.random() * 600)
      writer.kill('SIGKILL')
      const { signal, code, lines, errors } = await writer.ended
      assert.equal(signal, 'SIGKILL', `ended with ${code}: ${errors.join('')}`)
      for (const line of lines) acknowledged.add(line.slice('ack '.length))

      const store = openSqliteHistory({ dataDir: folder.path, clock: systemClock, log: silentLogger })
      const ends = await store.endsOf([...acknowledged])
      assert.deepEqual(
        [...acknowledged].filter(id => !ends.has(id)),
        [],
        `round ${round}: lost`,
      )
      for (const id of lines.slice(-3).map(line => line.slice('ack '.length))) {
        const found = await store.search({ node: id, pod: id, namespace: 'shop' }, 10)
        assert.deepEqual(
          found.items.map(pull => pull.id),
          [id],
          'there once, and found by its pod',
        )
      }
      await store.close()
      check(`${folder.path}/pulls.db`)
    }
    assert.ok(acknowledged.size > rounds * 10, `${acknowledged.size} pulls`)
    console.log(`      ${acknowledged.size} acknowledged pulls over ${rounds} kills`)
  })
})

function check(file: string): void {
  const db = new DatabaseSync(file, { readOnly: true })
  const value = (sql: string) => Object.values(db.prepare(sql).get()!)[0]
  assert.equal(value('PRAGMA integrity_check'), 'ok')
  assert.equal(db.prepare('PRAGMA foreign_key_check').all().length, 0)
  assert.equal(value('SELECT count(*) FROM pulls'), value('SELECT count(DISTINCT id) FROM pulls'))
  assert.equal(value('SELECT count(*) FROM pulls'), value('SELECT count(*) FROM pull_bodies'))
  assert.equal(value('SELECT count(*) FROM pulls'), value('SELECT sum(pulls) FROM images'))
  db.close()
}
