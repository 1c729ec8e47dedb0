import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buildImage, defaultRef } from '../../build/image/build-image.ts'
import { openLayerCache } from '../../build/image/cache.ts'
import { neededBy } from '../../build/image/elf.ts'
import { nodeVersion } from '../../build/image/node.ts'
import type { TarEntry } from '../../build/image/tar.ts'
import { writeArchive } from '../../build/oci/archive.ts'
import { sha256 } from '../../build/oci/blob.ts'
import type { Image } from '../../build/oci/image.ts'
import { launch } from '../../core/contract/launch.ts'
import { version } from '../../core/lib/version.ts'
import { type Archive, entriesOf, type Manifest, readArchive } from './archive.ts'

describe('the image', function () {
  this.timeout(180_000)
  let folder: string
  let images: Image[]
  let archive: Archive
  let entries: TarEntry[]

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-image-'))
    const cache = openLayerCache()
    images = await Promise.all([buildImage('amd64', cache), buildImage('arm64', cache)])
    const file = path.join(folder, 'image.tar')
    await writeArchive(file, defaultRef, [images[0]!])
    archive = await readArchive(file)
    entries = await entriesOf(await archive.layers(archive.index.manifests[0]!))
  })
  after(() => rm(folder, { recursive: true }))

  it('costs a node less than 45 MB to fetch', () => {
    for (const { architecture, totalBytes } of images) assert.ok(totalBytes < 45e6, `${architecture}: ${totalBytes}`)
  })

  it('is the same bytes when it is made again', async () => {
    const again = await buildImage('amd64', undefined)
    assert.equal(again.manifest.digest, images[0]!.manifest.digest)
    const files = ['image.tar', 'again.tar'].map(name => path.join(folder, name))
    await writeArchive(files[1]!, defaultRef, [again])
    const digests = await Promise.all(files.map(async file => sha256(await readFile(file))))
    assert.equal(digests[1], digests[0])
  })

  it('is an OCI archive whose every digest and size is true', async () => {
    for (const [digest, bytes] of archive.blobs) assert.equal(sha256(bytes), digest)
    const [target] = archive.index.manifests
    assert.equal(target!.annotations['io.containerd.image.name'], `ghcr.io/pulltrace/pulltrace:${version}`)
    assert.equal(target!.annotations['org.opencontainers.image.ref.name'], version)
    const manifest = archive.json<Manifest>(target!)
    for (const { digest, size } of [target!, manifest.config, ...manifest.layers]) {
      assert.equal(archive.blobs.get(digest)!.byteLength, size)
    }
    assert.equal(archive.blobs.size, 2 + manifest.layers.length)
    const config = archive.json<{ rootfs: { diff_ids: string[] }; config: { User: string } }>(manifest.config)
    assert.deepEqual(config.rootfs.diff_ids, (await archive.layers(target!)).map(sha256))
    assert.equal(config.config.User, '65532:65532')
  })

  it('names both processors in the archive for all', async () => {
    const file = path.join(folder, 'all.tar')
    await writeArchive(file, defaultRef, images)
    const all = await readArchive(file)
    const index = all.json<{ manifests: { digest: string; platform: { architecture: string } }[] }>(
      all.index.manifests[0]!,
    )
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform.architecture),
      ['amd64', 'arm64'],
    )
    for (const manifest of index.manifests) assert.equal((await all.layers(manifest)).length, 3)
  })

  it('has each program that a pod starts, and no other one', () => {
    const there = new Set(entries.map(entry => `/${entry.path}`))
    for (const { command } of Object.values(launch)) {
      for (const file of command.filter(word => word.startsWith('/'))) assert.ok(there.has(file), file)
    }
    const programs = entries.filter(({ type, mode, path }) => type === 'file' && mode & 0o111 && !/\.so\./.test(path))
    assert.deepEqual(
      programs.map(entry => entry.path),
      ['usr/local/bin/node'],
    )
  })

  it('has nothing that its user could change but what is empty, and nothing that gives rights', () => {
    const open = entries.filter(({ owner, mode, type }) => type !== 'symlink' && (owner !== 0 || (mode & 0o022) !== 0))
    assert.deepEqual(open.map(entry => entry.path).sort(), ['tmp', 'var/lib/pulltrace'])
    assert.deepEqual(
      entries.filter(({ mode }) => (mode & 0o6000) !== 0),
      [],
    )
  })

  it('passes on the licences of all that is in it', () => {
    const there = new Set(entries.map(entry => entry.path))
    const debian = ['base-files', 'ca-certificates', 'gcc-14-base', 'libc6'].map(
      name => `usr/share/doc/${name}/copyright`,
    )
    for (const file of ['app/LICENSE', 'app/THIRD-PARTY-NOTICES', 'usr/share/doc/nodejs/LICENSE', ...debian]) {
      assert.ok(there.has(file), file)
    }
  })

  it('has the libraries that Node asks for, also for the processor that this machine is not', async () => {
    const file = path.join(folder, 'arm64.tar')
    await writeArchive(file, defaultRef, [images[1]!])
    const foreign = await readArchive(file)
    const found = await entriesOf(await foreign.layers(foreign.index.manifests[0]!))
    const node = found.find(entry => entry.path === 'usr/local/bin/node')!
    const needed = neededBy(node.bytes)
    assert.ok(needed.includes('ld-linux-aarch64.so.1'), needed.join())
    const names = new Set(found.map(entry => path.basename(entry.path)))
    assert.deepEqual(
      needed.filter(name => !names.has(name)),
      [],
    )
  })

  it('takes the Node that everything here is tested with, as the Dockerfile does', () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    assert.equal(nodeVersion, devDependencies.node)
    assert.equal(/^ARG NODE=(.*)$/m.exec(readFileSync('Dockerfile', 'utf8'))![1], nodeVersion)
  })
})
