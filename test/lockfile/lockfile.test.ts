import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder, temporaryVolume } from '../durability/programs.ts'
import { eventually } from '../eventually.ts'
import type { Answer, Ask } from './starter.ts'

const starterFile = fileURLToPath(new URL('starter.ts', import.meta.url))

describe('the lock of the one instance, between real processes', () => {
  const starters: ChildProcess[] = []
  let folder: ReturnType<typeof temporaryFolder>
  let databaseFile: string
  beforeEach(() => {
    folder = temporaryFolder()
    databaseFile = path.join(folder.path, 'tk.db')
  })
  afterEach(() => {
    for (const starter of starters.splice(0)) starter.kill('SIGKILL')
    folder[Symbol.dispose]()
  })

  const lockFile = () => `${databaseFile}.tk-sensor-api.pid`
  function start(execPath = process.execPath): ChildProcess {
    const starter = fork(starterFile, { execPath, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    starters.push(starter)
    return starter
  }
  async function ask(starter: ChildProcess, what: Ask): Promise<Answer> {
    const answered = once(starter, 'message', { signal: AbortSignal.timeout(20_000) })
    starter.send(what)
    return (await answered)[0] as Answer
  }
  const take = (starter: ChildProcess) => ask(starter, { take: databaseFile })

  it('goes to exactly one of six that start at the same instant, whether or not a dead one left a file', async function () {
    this.timeout(60_000)
    const racers = Array.from({ length: 6 }, () => start())
    const rounds = process.env['SOAK'] ? 200 : 20
    for (let round = 0; round < rounds; round++) {
      // Half of the rounds find the file of a process that has ended.
      if (round % 2) {
        const stale = JSON.parse(readFileSync(`${lockFile()}.kept`, 'utf8'))
        writeFileSync(
          lockFile(),
          JSON.stringify({ ...stale, token: round.toString(16).padStart(32, '0'), pid: 2 ** 22 + 1 }),
        )
      }
      const answers = await Promise.all(racers.map(take))
      const winners = racers.filter((_, index) => 'took' in answers[index]!)
      assert.equal(winners.length, 1, `round ${round}: ${JSON.stringify(answers)}`)
      assert.equal(JSON.parse(readFileSync(lockFile(), 'utf8')).pid, winners[0]!.pid)
      for (const answer of answers)
        assert.ok('took' in answer || ('code' in answer && answer.code === 75), JSON.stringify(answer))
      writeFileSync(`${lockFile()}.kept`, readFileSync(lockFile()))
      await ask(winners[0]!, { give: true })
      assert.deepEqual(readdirSync(folder.path), ['tk.db.tk-sensor-api.pid.kept'])
    }
  })

  it('is taken over from a process that was killed', async () => {
    const first = start()
    assert.deepEqual(await take(first), { took: true })
    const second = start()
    const refused = await take(second)
    assert.ok('refused' in refused && refused.refused.includes(`pid ${first.pid}, host `), JSON.stringify(refused))
    first.kill('SIGKILL')
    await once(first, 'exit')
    assert.equal(existsSync(lockFile()), true)
    assert.deepEqual(await take(second), { took: true })
  })

  it('is taken over from a process that has ended and that nobody has waited for', async () => {
    // A shell that becomes a program which never waits: its killed child stays as a zombie, with its start time.
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const pid = Number(String((await once(parent.stdout, 'data'))[0]))
      await eventually(
        'the shell is another program',
        () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n',
      )
      process.kill(pid, 'SIGKILL')
      const stat = await eventually('a zombie', () => {
        const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
        return text.includes(') Z ') ? text : false
      })
      const starter = start()
      await take(starter)
      const record = JSON.parse(readFileSync(lockFile(), 'utf8'))
      await ask(starter, { give: true })
      writeFileSync(lockFile(), JSON.stringify({ ...record, pid, start_time: stat.split(' ')[21] }))
      assert.deepEqual(await take(starter), { took: true })
    } finally {
      parent.kill('SIGKILL')
    }
  })

  it('is kept by a process whose id and start time are those in the file, and not by one that has got its id', async () => {
    const first = start()
    await take(first)
    const record = JSON.parse(readFileSync(lockFile(), 'utf8'))
    const second = start()
    assert.equal('refused' in (await take(second)), true)
    writeFileSync(lockFile(), JSON.stringify({ ...record, start_time: `${Number(record.start_time) - 1}` }))
    assert.deepEqual(await take(second), { took: true })
  })

  it('is taken over by pid 1 of a container that was started again', async () => {
    // A namespace of process ids, as a container has: the program is pid 1 each time.
    const inContainer = path.join(folder.path, 'node-as-pid-1')
    const unshare = process.getuid!() === 0 ? 'unshare' : 'unshare --map-root-user'
    writeFileSync(
      inContainer,
      `#!/bin/sh\nexec ${unshare} --pid --fork --kill-child --mount-proc ${process.execPath} "$@"\n`,
      { mode: 0o755 },
    )
    const first = start(inContainer)
    assert.deepEqual(await take(first), { took: true })
    assert.equal(JSON.parse(readFileSync(lockFile(), 'utf8')).pid, 1)
    first.kill('SIGKILL')
    await once(first, 'exit')
    const second = start(inContainer)
    assert.deepEqual(await take(second), { took: true })
    assert.equal(JSON.parse(readFileSync(lockFile(), 'utf8')).pid, 1)
  })

  it('names the file and the reason on a volume that is read-only', async () => {
    using volume = temporaryVolume('1m')
    volume.remount('ro')
    databaseFile = path.join(volume.path, 'tk.db')
    const refused = await take(start())
    assert.ok('refused' in refused)
    assert.match(refused.refused, /the lock file .*tk\.db\.tk-sensor-api\.pid cannot be written: EROFS/)
    assert.equal(refused.code, 1)
  })
})
