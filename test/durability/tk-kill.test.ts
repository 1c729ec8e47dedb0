import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import { program, start, temporaryFolder } from './programs.ts'

const rounds = process.env['SOAK'] ? 50 : 5

describe('G1: an acknowledged rule and key survives kill -9', () => {
  it(`in ${rounds} rounds at random moments, on one file, while another process goes on writing`, async function () {
    this.timeout(rounds * 30_000)
    using folder = temporaryFolder()
    const file = `${folder.path}/tk.db`
    const acknowledged: string[][] = []
    for (let round = 0; round < rounds; round++) {
      const [killed, other] = ['k', 'o'].map(prefix =>
        start(process.execPath, [program('tk-writer.ts'), file, `${prefix}${round}`]),
      ) as [ReturnType<typeof start>, ReturnType<typeof start>]
      await Promise.all([killed.line(/^ack /), other.line(/^ack /)])
      // From the middle of a commit to after a checkpoint.
      await systemClock.sleep(Math.random() * 400)
      killed.kill('SIGKILL')
      await killed.ended
      await other.line(/^ack rule/)
      other.kill('SIGKILL')
      for (const { signal, code, lines, errors } of [await killed.ended, await other.ended]) {
        assert.equal(signal, 'SIGKILL', `ended with ${code}: ${errors.join('')}`)
        assert.deepEqual(
          lines.filter(line => line.startsWith('nack')),
          [],
        )
        acknowledged.push(...lines.map(line => line.split(' ').slice(1)))
      }
      await hasAll(file, acknowledged, round)
      check(file)
    }
    assert.ok(acknowledged.length > rounds * 10, `${acknowledged.length} changes`)
    console.log(`      ${acknowledged.length} acknowledged changes over ${rounds} kills`)
  })
})

async function hasAll(file: string, acknowledged: readonly string[][], round: number): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
  stack.defer(() => store.close())
  const there = new Set<string>()
  for (const { id, name } of await store.keys.list()) there.add(`key ${id} 0 ${name}`)
  for (const { rule_id } of await store.rules.list()) {
    for (const { rule } of await store.rules.versions(rule_id))
      there.add(`rule ${rule_id} ${rule.version} ${rule.name}`)
  }
  const lost = acknowledged.map(words => words.join(' ')).filter(line => !there.has(line))
  assert.deepEqual(lost, [], `round ${round}: lost`)
}

/** Each change is whole: its version, its audit entry and the revision, or none of them. */
function check(file: string): void {
  const db = new DatabaseSync(file, { readOnly: true })
  const value = (sql: string) => Object.values(db.prepare(sql).get()!)[0]
  assert.equal(value('PRAGMA integrity_check'), 'ok')
  assert.equal(db.prepare('PRAGMA foreign_key_check').all().length, 0)
  const audited = (what: string) => value(`SELECT count(*) FROM audit WHERE action LIKE '${what}'`)
  assert.equal(value('SELECT count(*) FROM rule_versions'), audited('rule.%'))
  assert.equal(value('SELECT revision - 1 FROM rules_state'), audited('rule.%'))
  assert.equal(value('SELECT count(*) FROM api_keys'), audited('key.create'))
  assert.equal(value('SELECT sum(version) FROM rules'), value('SELECT count(*) FROM rule_versions'))
  db.close()
}
