import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { eventually } from '../eventually.ts'
import { mountsBelow, processRuns, sweepRigDirs } from './child.ts'
import { type Containerd, containerdVersions, startContainerd } from './containerd.ts'
import { buildImage } from './images.ts'
import { openOracle, pullWithCtr } from './oracle.ts'
import { type RegistryProxy, startProxy } from './proxy.ts'
import { pushImage } from './push.ts'
import { openRaw } from './raw.ts'
import { type Registry, startRegistry } from './registry.ts'

// Starts real programs, and builds one when the machine is new.
describe('rig', function () {
  this.timeout(300_000)

  let registry: Registry
  before(async () => {
    registry = await startRegistry()
  })
  after(() => registry.stop())

  for (const version of containerdVersions) {
    describe(`containerd ${version}`, () => {
      let containerd: Containerd
      let proxy: RegistryProxy
      before(async () => {
        proxy = await startProxy(registry.host)
        containerd = await startContainerd({ version, plainHttp: [proxy.host] })
      })
      after(async () => {
        await containerd.stop()
        await proxy.stop()
      })

      it('is the version that was asked for', async () => {
        const text = await containerd.ctr(['version'])
        assert.match(text, new RegExp(`Server:\\s+Version:\\s+v?${version.replace('.', '\\.')}\\.`))
      })

      it('pulls what the seed made, byte for byte', async () => {
        const image = await buildImage({
          name: `team/plain-${version}`,
          layers: [{ bytes: 300_000 }, { bytes: 1_000 }],
        })
        await pushImage(registry.host, image)
        const ref = image.ref(proxy.host)
        assert.equal(await containerd.cri.pull(ref), image.configDigest)

        const oracle = openOracle(containerd)
        const blobs = new Set(await oracle.blobs())
        assert.deepEqual(
          [image.manifestDigest, image.configDigest, ...image.layers.map(layer => layer.digest)].filter(
            digest => !blobs.has(digest),
          ),
          [],
        )
        assert.equal((await oracle.images()).get(ref), image.targetDigest)
        const committed = (await oracle.snapshots()).filter(snapshot => snapshot.kind === 'Committed')
        assert.equal(
          image.chainIds.every(id => committed.some(snapshot => snapshot.key === id)),
          true,
        )
        assert.deepEqual(await oracle.leases(), [])
        assert.deepEqual(
          image.layers.map(layer => proxy.bytesOf(layer.digest)),
          image.layers.map(layer => layer.size),
        )

        await containerd.cri.remove(ref)
        assert.equal((await oracle.images()).has(ref), false)
      })

      for (const spec of [
        { name: 'zstd', compression: 'zstd' },
        { name: 'uncompressed', compression: 'none' },
        { name: 'docker', mediaTypes: 'docker', index: true },
        { name: 'attested', index: true, attestations: true },
      ] as const) {
        it(`pulls an image of the kind ${spec.name}`, async () => {
          const image = await buildImage({ ...spec, name: `kind/${spec.name}-${version}`, layers: [{ bytes: 50_000 }] })
          await pushImage(registry.host, image)
          assert.equal(await containerd.cri.pull(image.ref(proxy.host)), image.configDigest)
          const images = await openOracle(containerd).images()
          assert.equal(images.get(image.ref(proxy.host)), image.targetDigest)
        })
      }

      it('shows a paused pull: its lease, its ingest and what it waits for', async () => {
        const image = await buildImage({ name: `team/paused-${version}`, layers: [{ bytes: 3_000_000 }] })
        await pushImage(registry.host, image)
        const [layer] = image.layers
        const gate = proxy.blob(layer!.digest)
        gate.release(2 ** 21)
        const raw = openRaw(containerd.socket)
        const pull = containerd.cri.pull(image.ref(proxy.host))
        await proxy.sent(layer!.digest, 2 ** 21)
        // It is fetched beside the layer, and takes longer where the disk is busy.
        const oracle = openOracle(containerd)
        await eventually('the config', async () => (await oracle.blobs()).includes(image.configDigest))

        const [lease] = await oracle.leases()
        const resources = await raw.resources('k8s.io', lease!.id)
        const [ingest] = await raw.ingests('k8s.io')
        assert.equal(resources.includes(`ingests:layer-${layer!.digest}`), true)
        assert.equal(resources.includes(`content:${image.manifestDigest}`), true)
        assert.equal(ingest!.ref, `layer-${layer!.digest}`)
        assert.equal(ingest!.total, layer!.size)
        assert.deepEqual(await oracle.ingests(), [ingest!.ref])

        gate.resume()
        await pull
        raw.close()
      })

      it('cancels a pull with its signal', async () => {
        const image = await buildImage({ name: `team/cancelled-${version}`, layers: [{ bytes: 500_000 }] })
        await pushImage(registry.host, image)
        const [layer] = image.layers
        proxy.blob(layer!.digest).release(100_000)
        const stop = new AbortController()
        const pull = containerd.cri.pull(image.ref(proxy.host), stop.signal)
        await proxy.sent(layer!.digest, 100_000)
        stop.abort()
        await assert.rejects(pull, { code: 1 })
      })

      it('pulls for ctr in a containerd namespace of its own', async () => {
        const image = await buildImage({ name: `team/ctr-${version}`, layers: [{ bytes: 10_000 }] })
        await pushImage(registry.host, image)
        const ref = image.ref(proxy.host)
        await pullWithCtr(containerd, ref, { namespace: 'elsewhere' })
        assert.equal((await openOracle(containerd, 'elsewhere').images()).get(ref), image.targetDigest)
        assert.equal((await openOracle(containerd).images()).has(ref), false)
      })

      it('unpacks with the native snapshotter', async () => {
        const image = await buildImage({ name: `team/native-${version}`, layers: [{ bytes: 10_000 }] })
        await pushImage(registry.host, image)
        const native = await startContainerd({ version, plainHttp: [proxy.host], snapshotter: 'native' })
        try {
          assert.equal(await native.cri.pull(image.ref(proxy.host)), image.configDigest)
        } finally {
          await native.stop()
        }
      })

      it('keeps its images over kill -9 and a restart', async () => {
        const before = { pid: containerd.pid, images: await openOracle(containerd).images() }
        await containerd.kill9()
        assert.equal(processRuns(before.pid), false)
        await containerd.restart()
        assert.notEqual(containerd.pid, before.pid)
        assert.deepEqual(await openOracle(containerd).images(), before.images)
      })
    })
  }

  it('dies with the process that started it, and the next one removes its folder', async () => {
    const rig = new URL('./containerd.ts', import.meta.url).href
    const script = `const { startContainerd } = await import('${rig}')
      const { pid, dir } = await startContainerd({ version: '1.6' })
      console.log(JSON.stringify({ pid, dir }))
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(owner.stdout, 'data')) as [Buffer]
    const { pid, dir } = JSON.parse(line.toString()) as { pid: number; dir: string }
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    // The kernel tells nobody when another's child ends.
    await eventually(`the end of process ${pid}`, () => !processRuns(pid))
    await sweepRigDirs()
    assert.equal(existsSync(dir), false)
  })

  it('runs both versions side by side and leaves no process, mount, file or socket', async () => {
    const image = await buildImage({ name: 'team/both', layers: [{ bytes: 50_000 }] })
    await pushImage(registry.host, image)
    const all = await Promise.all(
      [...containerdVersions, ...containerdVersions].map(version =>
        startContainerd({ version, plainHttp: [registry.host] }),
      ),
    )
    await Promise.all(all.map(({ cri }) => cri.pull(image.ref(registry.host))))
    const pids = all.map(({ pid }) => pid)
    await Promise.all(all.map(containerd => containerd.stop()))
    assert.deepEqual(pids.filter(processRuns), [])
    for (const { dir } of all) {
      assert.equal(existsSync(dir), false)
      assert.deepEqual(await mountsBelow(dir), [])
    }
  })
})
