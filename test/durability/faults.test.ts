import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../core/lib/clock.ts'
import type { PulltraceError } from '../../core/lib/errors.ts'
import { silentLogger } from '../../core/lib/log.ts'
import type { PullState } from '../../core/pulls/pull.ts'
import { endedPull } from '../../server/store/ended-pull.fake.ts'
import { openSqliteHistory } from '../../server/store/sqlite/open-sqlite-history.ts'
import type { HistoryStore } from '../../server/store/store.ts'
import { program, start, temporaryFolder, temporaryVolume } from './programs.ts'

const retryMs = { first: 20, max: 50 }

const open = (dataDir: string, memoryMiB?: number) =>
  openSqliteHistory({ dataDir, clock: systemClock, log: silentLogger, retryMs, ...(memoryMiB && { memoryMiB }) })

/** The store's own retries mend it; nobody calls it meanwhile. */
async function healed(store: HistoryStore): Promise<void> {
  for (let tries = 0; !store.health().healthy; tries++) {
    assert.ok(tries < 1500, JSON.stringify(store.health()))
    await systemClock.sleep(10)
  }
}

/** Says what, which file, and what to do; and health says the same. */
async function refuses(store: HistoryStore, kind: string, what: RegExp, fix: RegExp): Promise<void> {
  await assert.rejects(store.append([endedPull('refused')]), (error: PulltraceError) => {
    assert.equal(error.code, 'unavailable', error.stack)
    assert.match(error.message, what)
    assert.match(error.message, /pulls\.db/)
    assert.match(error.details.fix ?? '', fix)
    return true
  })
  const health = store.health()
  assert.ok(!health.healthy && health.kind === kind, JSON.stringify(health))
  assert.match(health.reason, what)
}

async function works(store: HistoryStore): Promise<void> {
  await healed(store)
  await store.append([endedPull('works')])
  assert.equal((await store.get('works'))?.id, 'works')
}

/** Leaves a history with one pull in the folder. */
async function fill(dataDir: string, pulls: readonly PullState[] = [endedPull('before')]): Promise<void> {
  const store = open(dataDir)
  await store.append(pulls)
  await store.close()
}

describe('history with a broken disk', function () {
  this.timeout(60_000)

  it('full: keeps what was acknowledged, goes on reading, writes again when there is room', async () => {
    using volume = temporaryVolume('1m')
    const store = open(volume.path)
    try {
      const acknowledged: string[] = []
      for (let full = false; !full; ) {
        const id = `p${acknowledged.length}`
        await store.append([endedPull(id, { error: 'x'.repeat(3000) })]).then(
          () => acknowledged.push(id),
          () => {
            full = true
          },
        )
      }
      assert.ok(acknowledged.length > 10, `${acknowledged.length} pulls`)
      await refuses(store, 'disk_full', /no space is left to write/, /free space/)
      assert.equal((await store.endsOf(acknowledged)).size, acknowledged.length)
      volume.remount('size=16m')
      await works(store)
      assert.equal((await store.endsOf(acknowledged)).size, acknowledged.length)
    } finally {
      await store.close()
    }
  })

  describe('filled by the history itself', () => {
    const volumeBytes = 64 * 1024 * 1024
    /** Opens it on a volume of its own, and appends until there is no room; resolves with what was acknowledged. */
    const filled = async (store: HistoryStore, prefix: string): Promise<string[]> => {
      // As the server does now and then; it sets room aside.
      await store.prune(0, Number.MAX_SAFE_INTEGER)
      const acknowledged: string[] = []
      for (let full = false; !full; ) {
        const id = `${prefix}${String(acknowledged.length).padStart(6, '0')}`
        await store.append([endedPull(id, { error: 'x'.repeat(200_000) })]).then(
          () => acknowledged.push(id),
          () => {
            full = true
          },
        )
      }
      return acknowledged
    }
    /** The oldest went, the newest are there, and there is no gap between. */
    const keepsNewest = async (store: HistoryStore, acknowledged: readonly string[]) => {
      const kept = await store.endsOf(acknowledged)
      assert.ok(kept.size > 0, `${kept.size} of ${acknowledged.length}`)
      assert.deepEqual([...kept.keys()].sort(), acknowledged.slice(-kept.size))
    }

    it('makes room with what was set aside, and sets it aside again', async () => {
      using volume = temporaryVolume(`${volumeBytes}`)
      const store = open(volume.path)
      try {
        // More than once: nothing is used up for good.
        for (const prefix of ['a', 'b']) {
          const acknowledged = await filled(store, prefix)
          await refuses(store, 'disk_full', /no space is left to write/, /free space/)
          assert.ok((await store.prune(0, 0.7 * volumeBytes)) > 0)
          assert.equal(store.health().healthy, true, 'at once, not at the next try')
          await works(store)
          await keepsNewest(store, acknowledged)
          assert.ok(existsSync(`${volume.path}/pulls.db.reserve`))
        }
      } finally {
        await store.close()
      }
    })

    it('opens again by what was set aside', async () => {
      using volume = temporaryVolume(`${volumeBytes}`)
      const first = open(volume.path)
      const acknowledged = await filled(first, 'a')
      await first.close()
      // To the last byte, as others may have done meanwhile.
      execFileSync('sh', ['-c', `cat /dev/zero > ${volume.path}/ballast 2>/dev/null || true`])
      const store = open(volume.path)
      try {
        await healed(store)
        assert.equal((await store.endsOf(acknowledged)).size, acknowledged.length)
        await store.prune(0, 0.5 * volumeBytes)
        await works(store)
      } finally {
        await store.close()
      }
    })
  })

  it('full from the start: opens when there is room', async () => {
    using volume = temporaryVolume('64k')
    writeFileSync(`${volume.path}/other`, Buffer.alloc(60 * 1024))
    const store = open(volume.path)
    try {
      await refuses(store, 'disk_full', /no space is left/, /free space/)
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
      assert.ok(await store.get('before'))
    } finally {
      await store.close()
    }
  })

  it('read-only and empty: says so', async () => {
    using volume = temporaryVolume('16m')
    volume.remount('ro')
    const store = open(`${volume.path}/data`)
    try {
      await refuses(store, 'read_only', /cannot be written/, /writable/)
    } finally {
      await store.close()
    }
  })

  it('a file where the folder should be: says so, and opens once it is gone', async () => {
    using folder = temporaryFolder()
    writeFileSync(`${folder.path}/data`, 'x')
    const store = open(`${folder.path}/data`)
    try {
      await refuses(store, 'no_access', /cannot be opened/, /PULLTRACE_DATA_DIR/)
      rmSync(`${folder.path}/data`)
      await works(store)
    } finally {
      await store.close()
    }
  })

  for (const { name, call } of [
    { name: 'a sync that fails once', call: 'fsync:error=EIO:when=25' },
    { name: 'syncs that fail now and then', call: 'fsync:error=EIO:when=25+20' },
    { name: 'writes that fail now and then', call: 'pwrite64:error=EIO:when=150+170' },
    { name: 'writes without space now and then', call: 'pwrite64:error=ENOSPC:when=150+170' },
  ]) {
    it(`${name}: acknowledges nothing that is not there`, async () => {
      using folder = temporaryFolder()
      const trace = ['-f', '-o', '/dev/null', '-e', `inject=${call}`]
      const writer = start('strace', [...trace, process.execPath, program('writer.ts'), folder.path, 'p', '4', '400'])
      const { code, lines, errors } = await writer.ended
      assert.equal(code, 0, errors.join(''))
      const acknowledged = lines.filter(line => line.startsWith('ack ')).map(line => line.slice(4))
      const refused = lines.filter(line => line.startsWith('nack '))
      assert.ok(acknowledged.length > 0 && refused.length > 0, `${acknowledged.length} and ${refused.length}`)
      assert.ok(
        refused.every(line => line.includes('history is unavailable')),
        refused[0],
      )
      assert.match(refused[0]!, /pulls\.db/)
      const store = open(folder.path)
      const ends = await store.endsOf(acknowledged)
      await store.close()
      assert.deepEqual(
        acknowledged.filter(id => !ends.has(id)),
        [],
      )
    })
  }
})

describe('history on a disk that hangs', function () {
  this.timeout(60_000)

  it('rejects what waits, and goes on when the disk does', async () => {
    using folder = temporaryFolder()
    // The 25th sync takes 4 s; the disk is taken for lost after 1 s.
    const trace = ['-f', '-o', '/dev/null', '-e', 'inject=fsync:delay_enter=4000000:when=25']
    const args = [process.execPath, program('writer.ts'), folder.path, 'p', '4', '250', '1000']
    const { code, lines, errors } = await start('strace', [...trace, ...args]).ended
    assert.equal(code, 0, errors.join(''))
    const refused = lines.findIndex(line => line.startsWith('nack'))
    assert.match(lines[refused] ?? '', /history is unavailable: .*pulls\.db: no answer for 1 s/)
    assert.ok(lines.findLastIndex(line => line.startsWith('ack')) > refused, 'acknowledges again')
  })
})

/** Damage that opening does not meet: only the page that holds the text first. */
const noiseWhereFirst = (text: string) => (bytes: Buffer) => {
  const page = Math.floor(bytes.indexOf(text) / 4096)
  return Buffer.from(bytes).fill(0xa5, page * 4096, (page + 1) * 4096)
}

describe('history with a broken file', function () {
  this.timeout(60_000)

  const damages: { name: string; damage: (bytes: Buffer) => Buffer }[] = [
    { name: 'text', damage: () => Buffer.from('this is not a database, it is a note\n'.repeat(200)) },
    { name: 'noise in the header', damage: bytes => Buffer.concat([Buffer.alloc(100, 0xa5), bytes.subarray(100)]) },
    {
      name: 'noise in the pages',
      damage: bytes => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length, 0xa5)]),
    },
    { name: 'noise in one page of pulls', damage: noiseWhereFirst('"nodeName":"node-a"') },
    { name: 'the half of it', damage: bytes => bytes.subarray(0, Math.floor(bytes.length / 2)) },
  ]
  for (const { name, damage } of damages) {
    it(`${name}: names it, leaves it as it is, and starts anew once it was moved away`, async () => {
      using folder = temporaryFolder()
      const file = `${folder.path}/pulls.db`
      await fill(
        folder.path,
        Array.from({ length: 200 }, (_, i) => endedPull(`p${i}`)),
      )
      const bytes = damage(readFileSync(file))
      writeFileSync(file, bytes)
      const store = open(folder.path)
      try {
        // Damage that opening does not meet is met by a call.
        await store.search({}, 1000).catch(() => {})
        await store.summarize('node', {}, 10).catch(() => {})
        // Long enough for a few tries to open it anew.
        await systemClock.sleep(300)
        await refuses(store, 'corrupt', /damaged or is not a database/, /mv '.*pulls\.db' '.*pulls\.db\.damaged'/)
        const left = readFileSync(file)
        assert.ok(left.length === bytes.length && left.includes(bytes.subarray(-4096)), 'kept')
        await refuses(store, 'corrupt', /damaged/, /mv/)
        assert.ok(left.equals(readFileSync(file)), 'untouched once it is known')
        // The file last: once it is gone the store makes another one, with a WAL of its own.
        if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${file}.damaged-wal`)
        renameSync(file, `${file}.damaged`)
        await works(store)
      } finally {
        await store.close()
      }
    })
  }

  it('of another program: refuses it', async () => {
    using folder = temporaryFolder()
    const other = new DatabaseSync(`${folder.path}/pulls.db`)
    other.exec('CREATE TABLE customers (x)')
    other.close()
    const store = open(folder.path)
    await refuses(store, 'foreign', /database of another program/, /move the file away/)
    await store.close()
  })

  it('of a newer version: refuses it', async () => {
    using folder = temporaryFolder()
    await fill(folder.path)
    const newer = new DatabaseSync(`${folder.path}/pulls.db`)
    newer.exec("INSERT INTO schema_migrations VALUES (99, '0099-later', 'x', 0)")
    newer.close()
    const store = open(folder.path)
    await refuses(store, 'schema', /newer version/, /run the newer version again/)
    await store.close()
  })
})

describe('history that others hold', function () {
  this.timeout(60_000)

  it('is refused to a second server with the pid of the first, and free again after kill -9', async () => {
    using folder = temporaryFolder()
    const first = start(process.execPath, [program('writer.ts'), folder.path, 'first'])
    await first.line(/^ack /)
    const store = open(folder.path)
    try {
      await refuses(store, 'in_use', new RegExp(`in use by process ${first.pid} on`), /stop the other process/)
      first.kill('SIGKILL')
      await first.ended
      await works(store)
    } finally {
      first.kill('SIGKILL')
      await store.close()
    }
  })

  it('is refused while a tool has it locked, and opens afterwards', async () => {
    using folder = temporaryFolder()
    await fill(folder.path)
    const tool = new DatabaseSync(`${folder.path}/pulls.db`)
    tool.exec('BEGIN IMMEDIATE')
    const store = open(folder.path)
    try {
      await refuses(store, 'in_use', /in use by another process/, /stop the other process/)
      tool.exec('ROLLBACK')
      tool.close()
      await works(store)
    } finally {
      await store.close()
    }
  })
})

describe('history whose worker dies', function () {
  this.timeout(60_000)

  it('answers every call, starts another and has all that was acknowledged', async () => {
    using folder = temporaryFolder()
    const store = open(folder.path, 16)
    const ids = Array.from({ length: 1_000_000 }, (_, i) => `pull-${i}`)
    try {
      await store.append([endedPull('small')])
      // A question of some 50 MiB in a heap of 16: the thread runs out of memory.
      const calls = await Promise.allSettled([store.endsOf(ids), store.get('small'), store.append([endedPull('x')])])
      for (const call of calls) assert.equal(call.status === 'rejected' && call.reason.code, 'unavailable')
      await works(store)
      assert.equal((await store.get('small'))?.phase, 'completed')
      assert.equal((await store.size()).pulls, 2)
    } finally {
      await store.close()
    }
  })
})
