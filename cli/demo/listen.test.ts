import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, link, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { Code } from '../../core/lib/errors.ts'
import { openDemoSocket } from './listen.ts'
import { DemoRuntime } from './runtime.ts'

describe('openDemoSocket', () => {
  const runtime = new DemoRuntime({ clock: new FakeClock(), seed: 1 })
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-demo-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8)

  it('makes a folder and a socket that only their owner may open, and removes the socket at the end', async () => {
    const socket = path.join(folder, 'private', 'demo.sock')
    const served = await openDemoSocket(runtime, socket)
    assert.equal(await modeOf(path.dirname(socket)), '700')
    assert.equal(await modeOf(socket), '600')
    await served.close()
    await assert.rejects(stat(socket), { code: 'ENOENT' })
  })

  it('leaves the mode of a folder that was there', async () => {
    const shared = path.join(folder, 'shared')
    await mkdir(shared)
    await chmod(shared, 0o755)
    const served = await openDemoSocket(runtime, path.join(shared, 'demo.sock'))
    assert.equal(await modeOf(shared), '755')
    await served.close()
  })

  it('replaces a socket that nobody listens on', async () => {
    const socket = path.join(folder, 'demo.sock')
    // What a killed program leaves: the name of a socket, with nobody behind it.
    const left = path.join(folder, 'left.sock')
    const dead = createServer().listen(left)
    await once(dead, 'listening')
    await link(left, socket)
    dead.close()
    await once(dead, 'close')
    assert.ok((await stat(socket)).isSocket())
    const served = await openDemoSocket(runtime, socket)
    await served.close()
  })

  it('refuses a socket that another program listens on', async () => {
    const socket = path.join(folder, 'demo.sock')
    const served = await openDemoSocket(runtime, socket)
    await assert.rejects(openDemoSocket(runtime, socket), {
      code: Code.Conflict,
      message: `a program listens on '${socket}'`,
    })
    assert.ok((await stat(socket)).isSocket())
    await served.close()
  })

  it('refuses to replace a file', async () => {
    const file = path.join(folder, 'notes.txt')
    await writeFile(file, 'mine')
    await assert.rejects(openDemoSocket(runtime, file), { code: Code.Conflict })
    assert.ok((await stat(file)).isFile())
  })

  it('refuses a path that is too long for a socket, with the bound', async () => {
    const socket = path.join(folder, 'x'.repeat(108))
    await assert.rejects(openDemoSocket(runtime, socket), { code: Code.Invalid, message: /may have 107 bytes/ })
  })
})
