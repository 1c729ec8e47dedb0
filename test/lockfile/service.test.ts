import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../durability/programs.ts'
import { type Child, startChild, waitUntil } from '../rig/child.ts'

const bin = fileURLToPath(new URL('../../bin/tk-sensor-api', import.meta.url))

describe('tk-sensor-api on one database', () => {
  const started: Child[] = []
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(async () => {
    for (const child of started.splice(0)) await child.end('SIGKILL')
    folder[Symbol.dispose]()
  })

  const databaseFile = () => path.join(folder.path, 'tk.db')
  const lockFile = () => `${databaseFile()}.tk-sensor-api.pid`
  async function start(...args: string[]): Promise<Child> {
    const env = {
      ...process.env,
      TK_DATABASE_URL: databaseFile(),
      TK_GRPC_ADDR: '127.0.0.1:0',
      TK_SENSOR_METRICS_ADDR: '127.0.0.1:0',
    }
    const child = await startChild(bin, args, path.join(folder.path, `${started.length}.log`), env)
    started.push(child)
    return child
  }
  const ready = (child: Child) => waitUntil(child, async () => child.log().includes('"listening"') || undefined)
  async function run(...args: string[]) {
    const child = await start(...args)
    await child.exited
    return { code: child.exitCode(), log: child.log() }
  }

  it('runs once, leaves the commands to work, comes back after a crash and goes without a trace', async function () {
    this.timeout(60_000)
    const first = await start()
    await ready(first)

    const second = await run()
    assert.equal(second.code, 75)
    const { host, started_at } = JSON.parse(readFileSync(lockFile(), 'utf8'))
    assert.equal(
      second.log,
      `Another tk-sensor-api instance is already running (pid ${first.pid}, host ${host}, started ${started_at}). Stop it first, or delete ${lockFile()} if you are sure that it is not running.\n`,
    )

    const created = await run('keys', 'create', 'job')
    assert.equal(created.code, 0, created.log)
    assert.match(created.log, /^tk-v1-/m)

    await first.end('SIGKILL')
    assert.equal(existsSync(lockFile()), true)
    const third = await start()
    await ready(third)
    assert.match(third.log(), /stale lock file taken over/)
    assert.match((await run('keys', 'list')).log, /active .* job$/m)

    await third.end('SIGTERM')
    assert.equal(third.exitCode(), 0)
    assert.equal(existsSync(lockFile()), false)
  })
})
