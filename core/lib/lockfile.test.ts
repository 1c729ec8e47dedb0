import assert from 'node:assert/strict'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Code } from './errors.ts'
import { acquireLock, LockHeld } from './lockfile.ts'
import { removeStale } from './lockfile-files.ts'
import type { ProcessTable } from './lockfile-process.ts'
import { type LockRecord, recordText } from './lockfile-record.ts'
import { silentLogger } from './log.ts'
import { SteppedClock } from './stepped-clock.fake.ts'

const nowMs = Date.parse('2026-01-31T08:00:00Z')
const here: ProcessTable = {
  pid: 100,
  host: 'db1',
  bootId: 'boot-1',
  find: pid => ({ 100: { startTime: '900' }, 4711: { startTime: '500' }, 5000: { startTime: undefined } })[pid],
}
const other: LockRecord = {
  pid: 4711,
  start_time: '500',
  boot_id: 'boot-1',
  host: 'db1',
  token: 'f'.repeat(32),
  service: 'tk-sensor-api',
  version: '0.1.0',
  started_at: '2026-01-31T07:00:00Z',
}

describe('acquireLock', () => {
  let folder: string
  let clock: SteppedClock
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-lock-'))
    clock = new SteppedClock(nowMs)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const file = () => path.join(folder, 'tk.db.tk-sensor-api.pid')
  const acquire = (machine = here) =>
    acquireLock({
      databaseFile: path.join(folder, 'tk.db'),
      service: 'tk-sensor-api',
      clock,
      log: silentLogger,
      machine,
    })
  const leave = (text: string, agoMs = 0) => {
    writeFileSync(file(), text)
    utimesSync(file(), (nowMs - agoMs) / 1000, (nowMs - agoMs) / 1000)
  }
  const tokenIn = () => JSON.parse(readFileSync(file(), 'utf8')).token as string

  it('writes who holds it beside the database, for nobody else to read, and removes it at the end', async () => {
    const lock = await acquire()
    const { token, version, ...rest } = JSON.parse(readFileSync(file(), 'utf8'))
    assert.deepEqual(rest, {
      pid: 100,
      start_time: '900',
      boot_id: 'boot-1',
      host: 'db1',
      service: 'tk-sensor-api',
      started_at: '2026-01-31T08:00:00Z',
    })
    assert.match(token, /^[0-9a-f]{32}$/)
    assert.match(version, /^\d+\.\d+/)
    assert.equal(statSync(file()).mode & 0o777, 0o600)
    await lock[Symbol.asyncDispose]()
    assert.deepEqual(readdirSync(folder), [])
  })

  it('lets two services have one database, each with its own lock', async () => {
    await using _ = await acquire()
    const options = { databaseFile: path.join(folder, 'tk.db'), clock, log: silentLogger, machine: here }
    await using _also = await acquireLock({ ...options, service: 'tk-web-ui' })
    assert.deepEqual(readdirSync(folder), ['tk.db.tk-sensor-api.pid', 'tk.db.tk-web-ui.pid'])
  })

  it('makes the folder of the database', async () => {
    const databaseFile = path.join(folder, 'a', 'b', 'tk.db')
    await using lock = await acquireLock({ databaseFile, service: 'x', clock, log: silentLogger })
    assert.equal(existsSync(lock.file), true)
  })

  it('says who holds it, and how to go on', async () => {
    leave(JSON.stringify(other))
    await assert.rejects(acquire(), (error: LockHeld) => {
      assert.ok(error instanceof LockHeld)
      assert.equal(error.exitCode, 75)
      assert.equal(
        error.message,
        `Another tk-sensor-api instance is already running (pid 4711, host db1, started 2026-01-31T07:00:00Z). Stop it first, or delete ${file()} if you are sure that it is not running.`,
      )
      return true
    })
    assert.equal(tokenIn(), other.token)
  })

  it('prints nothing of the file that could move a cursor', async () => {
    leave(JSON.stringify({ ...other, started_at: '\u001b[2Jnow' }))
    await assert.rejects(acquire(), (error: LockHeld) => !error.message.includes('\u001b'))
  })

  it('refuses a second lock in the same process', async () => {
    await using _ = await acquire()
    await assert.rejects(acquire(), LockHeld)
  })

  for (const { name, record, agoMs = 0, held } of [
    { name: 'a process that lives', record: other, held: true },
    { name: 'a process that lives, however old its heartbeat', record: other, agoMs: 3_600_000, held: true },
    { name: 'a process that has ended', record: { ...other, pid: 4712 }, held: false },
    { name: 'a process id that is used again', record: { ...other, start_time: '499' }, held: false },
    { name: 'our own process id in an earlier life, as pid 1 has', record: { ...other, pid: 100 }, held: false },
    {
      name: 'our own process id and start time, but not our token',
      record: { ...other, pid: 100, start_time: '900' },
      held: false,
    },
    { name: 'an earlier boot of this machine', record: { ...other, boot_id: 'boot-0' }, held: false },
    { name: 'another host 30 s ago', record: { ...other, host: 'db2' }, agoMs: 30_000, held: true },
    { name: 'another host more than 30 s ago', record: { ...other, host: 'db2' }, agoMs: 30_001, held: false },
    {
      name: 'another host with our boot id: a container beside us',
      record: { ...other, host: 'db2', pid: 4712 },
      held: true,
    },
    {
      name: 'a process without a start time, 30 s ago',
      record: { ...other, pid: 5000, start_time: null },
      agoMs: 30_000,
      held: true,
    },
    {
      name: 'a process without a start time, silent for longer',
      record: { ...other, pid: 5000 },
      agoMs: 30_001,
      held: false,
    },
    {
      name: 'a machine that has no boot id, its process gone',
      record: { ...other, boot_id: null, pid: 4712 },
      held: false,
    },
  ]) {
    it(`${held ? 'stays out for' : 'takes over from'} ${name}`, async () => {
      leave(recordText(record), agoMs)
      if (held) return assert.rejects(acquire(), LockHeld)
      await using _ = await acquire()
      assert.notEqual(tokenIn(), other.token)
      assert.deepEqual(readdirSync(folder), ['tk.db.tk-sensor-api.pid'])
    })
  }

  for (const { name, text } of [
    { name: 'empty', text: '' },
    { name: 'cut off', text: recordText(other).slice(0, 40) },
    { name: 'no lock file of ours', text: '4711\n' },
    { name: 'one with a token that would be a path', text: recordText({ ...other, token: '../../x' }) },
  ]) {
    it(`waits until a file that is ${name} is older than 10 s, then takes over`, async () => {
      leave(text)
      const taking = acquire()
      await clock.whenSleeping()
      await clock.advance(9_900)
      assert.equal(readFileSync(file(), 'utf8'), text)
      await clock.advance(200)
      await using _ = await taking
      assert.equal(JSON.parse(readFileSync(file(), 'utf8')).pid, 100)
    })
  }

  it('gives up on a file that never becomes readable nor old', async () => {
    leave('', -3_600_000)
    const taking = acquire()
    const refused = assert.rejects(taking, { code: Code.Unavailable, message: /neither free nor readable/ })
    await clock.whenSleeping()
    await clock.advance(16_000)
    await refused
  })

  it('says each 5 s that it lives', async () => {
    await using _ = await acquire()
    await clock.advance(5000)
    assert.equal(statSync(file()).mtimeMs, nowMs + 5000)
    await clock.advance(5000)
    assert.equal(statSync(file()).mtimeMs, nowMs + 10_000)
  })

  it('tells its holder when another process has taken it, and leaves that one its file', async () => {
    const lock = await acquire()
    leave(JSON.stringify(other))
    assert.equal(lock.lost.aborted, false)
    await clock.advance(5000)
    assert.equal(lock.lost.aborted, true)
    await lock[Symbol.asyncDispose]()
    assert.equal(tokenIn(), other.token)
  })

  it('puts back a file that somebody deleted', async () => {
    await using lock = await acquire()
    const token = tokenIn()
    rmSync(file())
    await clock.advance(5000)
    assert.equal(tokenIn(), token)
    assert.equal(lock.lost.aborted, false)
  })

  it('names the file, the reason and the user in a folder that cannot be written', async () => {
    // Not even root may make files there.
    const options = { databaseFile: '/sys/kernel/tk.db', service: 'tk-sensor-api', clock, log: silentLogger }
    await assert.rejects(acquireLock(options), {
      code: Code.Unavailable,
      message: /^the lock file \/sys\/kernel\/tk\.db\.tk-sensor-api\.pid cannot be written: E(ACCES|PERM|ROFS)$/,
    })
  })
})

describe('removeStale', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-lock-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const judgedOf = (file: string) => {
    const { mtimeMs, ino: inode } = statSync(file)
    return { text: readFileSync(file, 'utf8'), mtimeMs, inode }
  }

  it('never removes a file that is not the one judged', () => {
    const file = path.join(folder, 'lock')
    writeFileSync(file, 'stale')
    const judged = judgedOf(file)
    rmSync(file)
    writeFileSync(file, 'fresh')
    assert.equal(removeStale(file, judged, 'token', nowMs), false)
    assert.equal(readFileSync(file, 'utf8'), 'fresh')
    assert.deepEqual(readdirSync(folder), ['lock'])
  })

  it('leaves it to the starter that is at it, unless that one has died', () => {
    const file = path.join(folder, 'lock')
    const claim = `${file}.stale.token`
    writeFileSync(file, 'stale')
    writeFileSync(claim, '')
    utimesSync(claim, nowMs / 1000, nowMs / 1000)
    const judged = judgedOf(file)
    assert.equal(removeStale(file, judged, 'token', nowMs + 10_000), false)
    assert.equal(existsSync(file) && existsSync(claim), true)
    // Its claim goes first, so that the next look can take over.
    assert.equal(removeStale(file, judged, 'token', nowMs + 10_001), false)
    assert.equal(removeStale(file, judged, 'token', nowMs + 10_001), true)
    assert.deepEqual(readdirSync(folder), [])
  })
})
