import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { installProgram } from './programs.ts'

describe('installProgram', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'pulltrace-programs-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  /** A machine that has nothing but what lies in `dir`. */
  const bare = () => ({ env: { PATH: dir, XDG_CACHE_HOME: dir }, folders: [] })

  it('names the command when a Debian package is missing and cannot be installed', async () => {
    await assert.rejects(
      installProgram('strace', bare()),
      /as root: apt-get install -y --no-install-recommends strace$/,
    )
  })

  it('names the command when Go is missing', async () => {
    await assert.rejects(installProgram('containerd-2.4', bare()), /install Go 1\.25 or later/)
  })

  it('names what needs Python when it is missing', async () => {
    await assert.rejects(installProgram('python-grpc', bare()), /python3 is missing.*grpcio-tools.*install Python 3/)
  })

  it("refuses another vendor's version and says which it found", async () => {
    await writeFile(path.join(dir, 'containerd'), '#!/bin/sh\necho containerd containerd.io 2.1.4\n', { mode: 0o755 })
    await assert.rejects(installProgram('containerd-1.6', bare()), /must be version 1\.6\.x.*containerd\.io 2\.1\.4/)
  })

  describe('of a module of ours', () => {
    /** Stands for the compiler: notes that it was called, takes its time, and leaves a program or an error. */
    const compiler = async (ends: string) => {
      const script = `#!/bin/sh\necho "$PWD: $*" >> ${dir}/calls\nsleep 0.1\n${ends}\n`
      await writeFile(path.join(dir, 'go'), script, { mode: 0o755 })
      return { env: { PATH: `${dir}:${process.env['PATH']}`, XDG_CACHE_HOME: dir }, folders: [] }
    }
    const calls = async () => (await readFile(path.join(dir, 'calls'), 'utf8')).trim().split('\n')

    it('builds it once, however many want it, and leaves nothing but the program', async () => {
      const machine = await compiler('echo program > "$3"')
      const files = await Promise.all([installProgram('pause', machine), installProgram('pause', machine)])
      assert.match(files[0], /\/pulltrace\/bin\/pause@v1-[0-9a-f]{8}$/)
      assert.deepEqual(files, [files[0], files[0]])
      assert.match((await calls()).join(), /^\S+\/test\/cluster\/pause: build -o \S+ -trimpath [^,]*$/)
      assert.equal(await readFile(files[0], 'utf8'), 'program\n')
      assert.deepEqual((await readdir(path.dirname(files[0]))).sort(), ['.pause.lock', path.basename(files[0])])
    })

    it('says what the compiler said, and what to try by hand', async () => {
      const machine = await compiler('echo main.go:7: undefined: x >&2; exit 1')
      await assert.rejects(
        installProgram('pause', machine),
        /could not be built: main.go:7: undefined: x; try by hand: cd \S+\/test\/cluster\/pause && go build/,
      )
      assert.deepEqual(await readdir(path.join(dir, 'pulltrace/bin')), ['.pause.lock'])
    })
  })
})
