import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { program, start, temporaryFolder } from './programs.ts'

describe('G1: the sync is finished before the answer is given', () => {
  before(() => {
    try {
      execFileSync('strace', ['--version'])
    } catch (cause) {
      throw new Error('strace is missing: apt-get install strace', { cause })
    }
  })

  for (const lanes of [1, 8]) {
    it(`with ${lanes} appending at a time, seen by strace`, async function () {
      this.timeout(60_000)
      using folder = temporaryFolder()
      const trace = `${folder.path}/trace`
      const calls = 'trace=write,pwrite64,fsync,fdatasync'
      const count = 100
      const writer = start('strace', [
        ...['-f', '-y', '-s', '4096', '-e', calls, '-o', trace],
        ...[process.execPath, program('writer.ts'), `${folder.path}/data`, 'p', String(lanes), String(count)],
      ])
      const { code, errors } = await writer.ended
      assert.equal(code, 0, errors.join(''))
      const { acknowledged, syncs } = replay(readFileSync(trace, 'utf8'), pulls)
      assert.equal(acknowledged, count)
      console.log(`      ${acknowledged} acknowledged, ${syncs} syncs of the WAL`)
      if (lanes > 1) assert.ok(syncs < count / 2, 'many appends share one sync')
    })
  }

  it('with rules, changed by four at a time', async function () {
    this.timeout(60_000)
    using folder = temporaryFolder()
    const trace = `${folder.path}/trace`
    const count = 40
    const { code, errors } = await start('strace', [
      ...['-f', '-y', '-s', '4096', '-e', 'trace=write,pwrite64,fsync,fdatasync', '-o', trace],
      ...[process.execPath, program('tk-writer.ts'), `${folder.path}/data/tk.db`, 'p', '4', String(count)],
    ]).ended
    assert.equal(code, 0, errors.join(''))
    assert.equal(replay(readFileSync(trace, 'utf8'), rules).acknowledged, 2 * count)
  })

  it('also for what a killed process had written and not synced: it is, before anyone may read it', async function () {
    this.timeout(30_000)
    using folder = temporaryFolder()
    const killed = start(process.execPath, [program('writer.ts'), `${folder.path}/data`, 'p'])
    await killed.line(/^ack p-2/)
    killed.kill('SIGKILL')
    await killed.ended
    assert.ok(statSync(`${folder.path}/data/pulls.db-wal`).size > 0, 'something is left in the WAL')
    const trace = `${folder.path}/trace`
    const strace = ['-f', '-y', '-e', 'trace=openat,fsync,fdatasync', '-o', trace]
    await start('strace', [...strace, process.execPath, program('writer.ts'), `${folder.path}/data`, 'q', '1', '0'])
      .ended
    const lines = readFileSync(trace, 'utf8').split('\n')
    // The note of the holder is the last step of opening.
    const open = lines.findIndex(line => /openat\(.*pulls\.db\.holder"/.test(line))
    const syncOf = (file: RegExp) => lines.findIndex(line => /f(?:data)?sync\(/.test(line) && file.test(line))
    const [walSynced, moved] = [syncOf(/pulls\.db-wal>/), syncOf(/pulls\.db>/)]
    assert.ok(walSynced >= 0 && walSynced < moved && moved < open, `${walSynced}, ${moved}, ${open}`)
  })
})

interface Traced {
  readonly file: string
  /** In a page: what it holds. */
  readonly written: RegExp
  readonly acknowledged: RegExp
}

const pulls: Traced = {
  file: 'pulls\\.db',
  written: /\{\\"id\\":\\"(p-\d+)\\"/g,
  acknowledged: / write\(1<.*"ack (p-\d+)/,
}
const rules: Traced = {
  file: 'tk\\.db',
  written: /\\"name\\":\\"(p-\d+b?)\\"/g,
  acknowledged: / write\(1<.*"ack rule \S+ \d (p-\d+b?)/,
}

/**
 * Walks through the calls in the order of the kernel. Invariant: when something is acknowledged, a page
 * with its body was written to the WAL, and after that a sync of the WAL began and has returned 0.
 */
function replay(trace: string, { file, ...traced }: Traced): { acknowledged: number; syncs: number } {
  const wal = `<[^>]*/${file}-wal>`
  const writes = new RegExp(` pwrite64\\(\\d+${wal}`)
  const syncBegins = new RegExp(` f(?:data)?sync\\(\\d+${wal}`)
  let acknowledged = 0
  let syncs = 0
  const written = new Set<string>()
  const synced = new Set<string>()
  /** By thread: what was written when its sync began. */
  const syncing = new Map<string, readonly string[]>()
  for (const line of trace.split('\n')) {
    const thread = line.split(' ', 1)[0]!
    if (writes.test(line)) for (const [, id] of line.matchAll(traced.written)) written.add(id!)
    if (syncBegins.test(line)) syncing.set(thread, [...written])
    if (syncing.has(thread) && / f(?:data)?sync(?:\(| resumed).* = 0$/.test(line)) {
      for (const id of syncing.get(thread)!) synced.add(id)
      syncing.delete(thread)
      syncs++
    }
    const id = traced.acknowledged.exec(line)?.[1]
    if (id === undefined) continue
    assert.ok(synced.has(id), `${id} was acknowledged ${written.has(id) ? 'before its sync' : 'before it was written'}`)
    acknowledged++
  }
  return { acknowledged, syncs }
}
