import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { systemClock } from '../../core/lib/clock.ts'
import type { PulltraceError } from '../../core/lib/errors.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import type { TkStore } from '../../server/store/tk-store.ts'
import { eventually } from '../eventually.ts'
import { program, start, temporaryFolder, temporaryVolume } from './programs.ts'

const by = { name: 'system' }

const open = (folder: string): TkStore =>
  openSqliteTk({ file: `${folder}/tk.db`, clock: systemClock, log: silentLogger, retryMs: { first: 20, max: 50 } })

const create = async ({ rules }: TkStore, description = ''): Promise<string> =>
  (await rules.change([{ kind: 'create', content: ruleContent({ description }) }], by))[0]!.rule_id

/** Says what, which file, and what to do; and health says the same. */
async function refuses(store: TkStore, kind: string, what: RegExp, fix: RegExp, code = 'unavailable'): Promise<void> {
  await assert.rejects(create(store), (error: PulltraceError) => {
    assert.equal(error.code, code, error.stack)
    assert.match(error.message, what)
    assert.match(error.message, /rules database is unavailable: .*tk\.db/)
    assert.match(error.details.fix ?? '', fix)
    return true
  })
  const health = store.health()
  assert.ok(!health.healthy && health.kind === kind, JSON.stringify(health))
  assert.match(health.reason, what)
}

/** The store's own retries mend it; nobody calls it meanwhile. */
async function works(store: TkStore): Promise<void> {
  await eventually('the store is healthy again', () => store.health().healthy)
  const id = await create(store)
  assert.equal((await store.rules.get(id))?.rule_id, id)
}

/** Leaves a database with so many rules in the folder. */
async function fill(folder: string, rules = 1): Promise<void> {
  const store = open(folder)
  for (let i = 0; i < rules; i++) await create(store, `rule number ${i}`)
  await store.close()
}

describe('rules on a broken disk', function () {
  this.timeout(60_000)

  it('full: keeps what was acknowledged, goes on reading, writes again when there is room', async () => {
    using volume = temporaryVolume('2m')
    const store = open(volume.path)
    try {
      const acknowledged: string[] = []
      // To the last page: where a long rule does not fit, a short one may.
      for (const description of ['x'.repeat(1000), '']) {
        for (let full = false; !full; ) {
          await create(store, description).then(
            id => acknowledged.push(id),
            () => {
              full = true
            },
          )
        }
      }
      assert.ok(acknowledged.length > 10, `${acknowledged.length} rules`)
      const whole = async () =>
        assert.deepEqual(
          (await store.rules.list()).map(rule => rule.rule_id),
          acknowledged,
        )
      await refuses(store, 'disk_full', /no space is left to write/, /TK_EVENTS_RETENTION/, 'resource_exhausted')
      await whole()
      volume.remount('size=16m')
      await eventually('the store is healthy again', () => store.health().healthy)
      await whole()
      await works(store)
    } finally {
      await store.close()
    }
  })

  it('filled by events: makes room with what was set aside, and sets it aside again', async () => {
    using volume = temporaryVolume('64m')
    const store = open(volume.path)
    try {
      // As the service does now and then; it sets room aside.
      await store.events.prune(0, 0)
      let n = 0
      // More than once: nothing is used up for good.
      for (let times = 0; times < 2; times++) {
        // To the last page: where a batch of events does not fit, one of them may.
        for (const length of [20, 1, 0]) {
          const recordJson = `"${'x'.repeat(1000 * length)}"`
          for (let full = false; !full; ) {
            const events = Array.from({ length: Math.max(1, length) }, () => sensorEvent(n++, { recordJson }))
            await store.events.append(eventBatch(events)).catch(() => {
              full = true
            })
          }
        }
        await refuses(store, 'disk_full', /no space is left to write/, /free space/, 'resource_exhausted')
        const { bySize } = await store.events.prune(0, 30_000_000)
        assert.ok(bySize > 0)
        assert.equal(store.health().healthy, true, 'at once, not at the next try')
        await works(store)
        assert.ok(existsSync(`${volume.path}/tk.db.reserve`))
      }
    } finally {
      await store.close()
    }
  })

  it('full from the start: opens when there is room', async () => {
    using volume = temporaryVolume('64k')
    writeFileSync(`${volume.path}/other`, Buffer.alloc(60 * 1024))
    const store = open(volume.path)
    try {
      await refuses(store, 'disk_full', /no space is left/, /free space/, 'resource_exhausted')
      volume.remount('size=16m')
      await works(store)
    } finally {
      await store.close()
    }
  })

  it('read-only: says so, and writes once it is writable', async () => {
    using volume = temporaryVolume('16m')
    await fill(volume.path)
    volume.remount('ro')
    const store = open(volume.path)
    try {
      await refuses(store, 'read_only', /cannot be written/, /writable/)
      volume.remount('rw')
      await works(store)
      assert.equal((await store.rules.list()).length, 2)
    } finally {
      await store.close()
    }
  })

  it('a file where the folder should be: says so, and opens once it is gone', async () => {
    using folder = temporaryFolder()
    writeFileSync(`${folder.path}/data`, 'x')
    const store = open(`${folder.path}/data`)
    try {
      await refuses(store, 'no_access', /cannot be opened/, /TK_DATABASE_URL/)
      rmSync(`${folder.path}/data`)
      await works(store)
    } finally {
      await store.close()
    }
  })

  for (const { name, call } of [
    { name: 'syncs that fail now and then', call: 'fsync:error=EIO:when=25+20' },
    { name: 'writes that fail now and then', call: 'pwrite64:error=EIO:when=150+170' },
    { name: 'writes without space now and then', call: 'pwrite64:error=ENOSPC:when=150+170' },
  ]) {
    it(`${name}: acknowledges nothing that is not there`, async () => {
      using folder = temporaryFolder()
      const trace = ['-f', '-o', '/dev/null', '-e', `inject=${call}`]
      const file = `${folder.path}/tk.db`
      const { code, lines, errors } = await start('strace', [
        ...[...trace, process.execPath, program('tk-writer.ts')],
        ...[file, 'p', '4', '150'],
      ]).ended
      assert.equal(code, 0, errors.join(''))
      const acknowledged = lines.filter(line => line.startsWith('ack rule')).map(line => line.split(' ')[2]!)
      const refused = lines.filter(line => line.startsWith('nack'))
      assert.ok(acknowledged.length > 0 && refused.length > 0, `${acknowledged.length} and ${refused.length}`)
      assert.ok(
        refused.every(line => line.includes('rules database is unavailable')),
        refused[0],
      )
      const store = open(folder.path)
      const there = new Set((await store.rules.list()).map(rule => rule.rule_id))
      await store.close()
      assert.deepEqual(
        acknowledged.filter(id => !there.has(id)),
        [],
      )
    })
  }
})

describe('rules in a broken file', function () {
  this.timeout(60_000)

  for (const { name, damage } of [
    { name: 'text', damage: () => Buffer.from('this is not a database, it is a note\n'.repeat(200)) },
    {
      name: 'noise in the pages',
      damage: (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length, 0xa5)]),
    },
    { name: 'the half of it', damage: (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2)) },
  ]) {
    it(`${name}: names it, leaves it as it is, and starts anew once it was moved away`, async () => {
      using folder = temporaryFolder()
      const file = `${folder.path}/tk.db`
      await fill(folder.path, 50)
      const bytes = damage(readFileSync(file))
      writeFileSync(file, bytes)
      const store = open(folder.path)
      try {
        // Damage that opening does not meet is met by a call.
        await store.rules.list().catch(() => {})
        await store.audit.search(1000).catch(() => {})
        await eventually('the damage is seen', () => {
          const health = store.health()
          return !health.healthy && health.kind === 'corrupt'
        })
        await refuses(store, 'corrupt', /damaged or is not a database/, /mv '.*tk\.db' '.*tk\.db\.damaged'/)
        assert.ok(readFileSync(file).includes(bytes.subarray(-4096)), 'kept')
        // The file last: once it is gone the store makes another one, with a WAL of its own.
        for (const end of ['-wal', '-shm']) if (existsSync(file + end)) renameSync(file + end, `${file}.damaged${end}`)
        renameSync(file, `${file}.damaged`)
        await works(store)
      } finally {
        await store.close()
      }
    })
  }
})
