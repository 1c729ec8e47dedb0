import assert from 'node:assert/strict'
import { containerdVersions } from './containerd.ts'
import type { BuiltImage } from './images.ts'
import { buildLayer } from './layers.ts'
import { type Rig, startRig } from './rig.ts'

// What the tests of the agent build on: these hold only as long as containerd behaves as we saw it behave.
for (const version of containerdVersions) {
  describe(`startRig with containerd ${version}`, function () {
    this.timeout(120_000)

    let rig: Rig
    before(async () => {
      rig = await startRig({ version })
    })
    after(() => rig.stop())

    it('fetches a layer that two pulls share at once only once', async () => {
      const shared = await buildLayer({ bytes: 300_000, seed: `shared-${version}` })
      const [a, b] = await Promise.all(
        ['a', 'b'].map(name => rig.push({ name: `team/${name}`, layers: [shared, { bytes: 10_000 }] })),
      )
      rig.proxy.blob(shared.digest).release(100_000)
      const pulls = Promise.all([rig.pull(a!), rig.pull(b!)])
      await rig.proxy.sent(shared.digest, 100_000)
      rig.proxy.blob(shared.digest).resume()
      await pulls
      assert.equal(rig.proxy.bytesOf(shared.digest), shared.size)
    })

    it('resumes after a cut where it was', async () => {
      const image = await rig.push({ name: 'team/cut', layers: [{ bytes: 300_000 }] })
      const [layer] = image.layers
      rig.proxy.blob(layer!.digest).cutAfter(100_000)
      assert.equal(await rig.pull(image), image.configDigest)
      const served = rig.proxy.requests.filter(({ reference }) => reference === layer!.digest)
      assert.deepEqual(
        served.map(({ offset }) => offset),
        [0, 100_000],
      )
      assert.equal(rig.proxy.bytesOf(layer!.digest), layer!.size)
    })

    for (const [name, lie, error] of [
      [
        'a wrong digest',
        (r: Rig, { layers: [layer] }: BuiltImage) => r.proxy.blob(layer!.digest).corrupt(),
        /unexpected commit digest/,
      ],
      [
        'a 500 after the manifest',
        (r: Rig, { layers: [layer] }: BuiltImage) =>
          r.proxy.answer({ status: 500, when: { reference: layer!.digest } }),
        /500 Internal Server Error/,
      ],
      [
        'a registry that goes away',
        (r: Rig, { layers: [layer], configDigest }: BuiltImage) => {
          r.proxy.blob(layer!.digest).release(50_000)
          // The config comes beside the layer: on its way while the connections are dropped it would fail in other words.
          const sent = [r.proxy.sent(layer!.digest, 50_000), r.proxy.sent(configDigest, 1)]
          void Promise.all(sent).then(() => r.proxy.refuse())
        },
        /EOF|connection refused/,
      ],
    ] as const) {
      it(`fails a pull on ${name}`, async () => {
        const image = await rig.push({ name: `team/${name.replaceAll(' ', '-')}`, layers: [{ bytes: 200_000 }] })
        lie(rig, image)
        await assert.rejects(rig.pull(image), error)
        await rig.proxy.accept()
        assert.equal((await rig.oracle.images()).has(image.ref(rig.proxy.host)), false)
      })
    }

    it('keeps a pull at resolving for as long as the manifest is held', async () => {
      const image = await rig.push({ name: 'team/held', layers: [{ bytes: 1_000 }] })
      const letGo = rig.proxy.holdManifests()
      const pull = rig.pull(image)
      await rig.proxy.requested('manifest')
      const lease = (await rig.raw.leases('k8s.io')).sort((a, b) => a.createdAt - b.createdAt).at(-1)
      assert.deepEqual(await rig.raw.resources('k8s.io', lease!.id), [])
      letGo()
      await pull
    })

    it('leaves a dead lease behind when containerd is killed', async () => {
      const image = await rig.push({ name: 'team/killed', layers: [{ bytes: 3_000_000 }] })
      const [layer] = image.layers
      rig.proxy.blob(layer!.digest).release(1_500_000)
      const pull = rig.pull(image)
      await rig.proxy.sent(layer!.digest, 1_500_000)
      await Promise.all([assert.rejects(pull), rig.containerd.kill9()])
      await rig.containerd.restart()
      const leases = await rig.raw.leases('k8s.io')
      assert.equal(leases.length, 1)
      const resources = await rig.raw.resources('k8s.io', leases[0]!.id)
      assert.equal(resources.includes(`ingests:layer-${layer!.digest}`), true)
    })
  })
}
