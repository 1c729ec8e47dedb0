import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
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
    await assert.rejects(installProgram('containerd-2.4', bare()), /install Go: apt-get install/)
  })

  it("refuses another vendor's version and says which it found", async () => {
    await writeFile(path.join(dir, 'containerd'), '#!/bin/sh\necho containerd containerd.io 2.1.4\n', { mode: 0o755 })
    await assert.rejects(installProgram('containerd-1.6', bare()), /must be version 1\.6\.x.*containerd\.io 2\.1\.4/)
  })
})
