import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

const limit = () => ({ signal: AbortSignal.timeout(8_000) })

describe('the demo program', () => {
  let folder: string
  let socket: string
  let child: ChildProcess | undefined
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-demo-'))
    socket = path.join(folder, 'run', 'demo.sock')
  })
  afterEach(async () => {
    if (child && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await rm(folder, { recursive: true })
  })

  function start(env: Record<string, string>): AsyncIterator<string> {
    child = fork(path.join(import.meta.dirname, 'main.ts'), { env: { ...process.env, ...env }, silent: true })
    return createInterface({ input: child.stderr! })[Symbol.asyncIterator]()
  }
  const nextLine = async (lines: AsyncIterator<string>) => JSON.parse((await lines.next()).value)

  for (const { how, stop } of [
    { how: 'SIGTERM', stop: () => child!.kill('SIGTERM') },
    { how: 'the end of its parent', stop: () => child!.disconnect() },
  ]) {
    it(`says when it is ready, and removes its socket on ${how}`, async () => {
      const line = await nextLine(start({ PULLTRACE_DEMO_SOCKET: socket }))
      assert.partialDeepStrictEqual(line, { level: 'info', msg: 'demo runtime ready', socket })
      assert.ok(existsSync(socket))
      const exit = once(child!, 'exit', limit())
      stop()
      assert.deepEqual(await exit, [0, null])
      assert.ok(!existsSync(socket))
    })
  }

  it('names every wrong setting and exits with 1', async () => {
    const lines = start({ PULLTRACE_DEMO_SOCKET: '', PULLTRACE_LOG_LEVEL: 'loud' })
    const exit = once(child!, 'exit', limit())
    assert.match(
      JSON.stringify(await nextLine(lines)),
      /PULLTRACE_DEMO_SOCKET must be set.*PULLTRACE_LOG_LEVEL must be/,
    )
    assert.equal((await exit)[0], 1)
  })
})
