import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { writeKrewPlugin } from '../build/krew.ts'
import { version } from '../core/lib/version.ts'

const run = promisify(execFile)

describe('the krew plugin', function () {
  this.timeout(60_000)
  let dir: string
  let plugin: Awaited<ReturnType<typeof writeKrewPlugin>>
  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'pulltrace-krew-'))
    plugin = await writeKrewPlugin(path.join(dir, 'dist'))
    await mkdir(path.join(dir, 'store'))
    await run('tar', ['-xzf', plugin.archiveFile, '-C', path.join(dir, 'store')])
    // As krew links it into its folder of PATH.
    await mkdir(path.join(dir, 'bin'))
    await symlink(path.join(dir, 'store/kubectl-pulltrace'), path.join(dir, 'bin/kubectl-pulltrace'))
  })
  after(() => rm(dir, { recursive: true, force: true }))
  const start = (args: readonly string[], nodeFolder = path.dirname(process.execPath)) =>
    run(path.join(dir, 'bin/kubectl-pulltrace'), [...args], { env: { PATH: `${nodeFolder}:/usr/bin:/bin`, HOME: dir } })

  it('has a manifest that names its bytes', async () => {
    const { spec, metadata } = parse(await readFile(plugin.manifestFile, 'utf8'))
    const digest = createHash('sha256')
      .update(await readFile(plugin.archiveFile))
      .digest('hex')
    assert.equal(metadata.name, 'pulltrace')
    assert.equal(spec.version, `v${version}`)
    const [platform] = spec.platforms
    assert.equal(platform.sha256, digest)
    assert.equal(path.basename(platform.uri), path.basename(plugin.archiveFile))
    assert.ok(spec.shortDescription.length <= 50, 'krew shows 50 characters of it')
  })

  it('has the same bytes each time', async () => {
    const again = await writeKrewPlugin(path.join(dir, 'again'))
    assert.deepEqual(await readFile(again.archiveFile), await readFile(plugin.archiveFile))
  })

  it('runs as kubectl runs it, and reads a kubeconfig', async () => {
    assert.match((await start(['--help'])).stdout, /^Usage: kubectl pulltrace /)
    const cluster = { server: 'https://127.0.0.1:1' }
    const config = {
      clusters: [{ name: 'a', cluster }],
      users: [{ name: 'a', user: { token: 'x' } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    }
    await writeFile(path.join(dir, 'kubeconfig'), JSON.stringify({ ...config, 'current-context': 'a' }))
    await assert.rejects(
      start(['why', 'web', '--kubeconfig', path.join(dir, 'kubeconfig')]),
      (error: { stderr: string; code: number }) => {
        assert.equal(error.code, 3)
        assert.match(
          error.stderr,
          /Kubernetes API server at https:\/\/127.0.0.1:1 cannot be reached: connect ECONNREFUSED/,
        )
        return true
      },
    )
  })

  for (const [name, script] of [
    ['is too old', '#!/bin/sh\necho v20.20.2\n'],
    ['does not start', '#!/bin/sh\necho broken >&2; exit 1\n'],
  ] as const) {
    it(`says so where the Node of the machine ${name}`, async () => {
      const folder = await mkdtemp(path.join(dir, 'node-'))
      await writeFile(path.join(folder, 'node'), script, { mode: 0o755 })
      await assert.rejects(
        start(['version'], folder),
        /kubectl pulltrace: Node 24 or later must be in PATH, got: (v20|none)/,
      )
    })
  }
})
