import assert from 'node:assert/strict'
import { unpackedAtMs } from '../rig/containerd.ts'
import { buildLayer } from '../rig/layers.ts'
import { tagImage } from '../rig/push.ts'
import type { Call } from './recording.ts'
import { growing, half, megabyte, step } from './sizes.ts'
import { describeScenarios } from './world.ts'

/** Often enough to see every step, and seldom enough to miss most of a pull. Milliseconds. */
const bothIntervals = { intervalsMs: [100, 2000] }

describeScenarios('pulls that go well', ({ version, scenario }) => {
  scenario(
    'two images at once that share a layer',
    async scene => {
      const { proxy } = scene.rig
      const shared = await buildLayer({ bytes: growing, seed: `shared-${version}` })
      const a = await scene.push({ name: 'two/a', layers: [shared, { bytes: megabyte }] })
      const b = await scene.push({ name: 'two/b', layers: [shared, { bytes: megabyte }] })
      proxy.blob(shared.digest).release(half)
      scene.pull(a)
      scene.pull(b)
      for (const image of [a, b]) await scene.showsBytes(image, shared, step)
      const own = a.totalBytes + b.totalBytes - 2 * shared.size
      for (const { nodeName, node } of scene.watches) {
        const { activePulls, totalBytes } = await node()
        assert.deepEqual([activePulls, totalBytes], [2, shared.size + own], `${nodeName} counts a shared layer once`)
      }
      proxy.blob(shared.digest).resume()
      await scene.end()
      assert.equal(proxy.bytesOf(shared.digest), shared.size)
    },
    bothIntervals,
  )

  scenario('two tags of one repository at once', async scene => {
    const { proxy, registry } = scene.rig
    const image = await scene.push({ name: 'tags/app', layers: [{ bytes: growing }, { bytes: megabyte }] })
    await tagImage(registry.host, image, 'v2')
    const [layer] = image.layers
    proxy.blob(layer!.digest).release(half)
    const refs = ['v1', 'v2'].map(tag => `${proxy.host}/tags/app:${tag}`)
    for (const ref of refs) scene.pullRef(image, ref)
    await scene.showsBytes(image, layer!, step)
    proxy.blob(layer!.digest).resume()
    await scene.end()
    for (const watch of scene.watches) {
      const named = scene
        .told(watch, image)
        .filter(({ phase, imageRef }) => phase === 'completed' && !imageRef.includes('@'))
      const names = named.map(({ imageRef }) => imageRef)
      assert.deepEqual(names, [...new Set(names)], 'no tag is given to two pulls')
    }
  })

  scenario('30 layers', async scene => {
    scene.rig.proxy.limit(3 * megabyte)
    const layers = Array.from({ length: 30 }, () => ({ bytes: 100_000 }))
    const image = await scene.push({ name: 'many/app', layers })
    const last = scene.rig.proxy.blob(image.layers.at(-1)!.digest)
    last.pause()
    scene.pull(image)
    await scene.shows(image, '30 layers before they are there', ({ layerCount, percent = 100 }) => {
      return layerCount === 30 && percent < 100
    })
    last.resume()
    await scene.end()
  })

  for (const mediaTypes of ['oci', 'docker'] as const) {
    scenario(`an index (${mediaTypes}) with another platform and attestations`, async scene => {
      const spec = { index: true, attestations: true, mediaTypes, layers: [{ bytes: growing }, { bytes: 200_000 }] }
      const image = await scene.push({ name: `index/${mediaTypes}`, ...spec })
      const [layer] = image.layers
      scene.rig.proxy.blob(layer!.digest).release(half)
      scene.pull(image)
      await scene.showsBytes(image, layer!)
      scene.rig.proxy.blob(layer!.digest).resume()
      await scene.end()
    })
  }

  scenario('zstd layers', async scene => {
    const layers = [{ bytes: growing }, { bytes: 300_000 }]
    const image = await scene.push({ name: 'zstd/app', compression: 'zstd', layers })
    const [layer] = image.layers
    scene.rig.proxy.blob(layer!.digest).release(half)
    scene.pull(image)
    await scene.showsBytes(image, layer!)
    scene.rig.proxy.blob(layer!.digest).resume()
    await scene.end()
  })

  scenario('a cached layer, and then nothing left to fetch', async scene => {
    const { proxy } = scene.rig
    const base = await buildLayer({ bytes: 2 * megabyte, seed: `base-${version}` })
    const a = await scene.push({ name: 'cached/a', layers: [base] })
    const b = await scene.push({ name: 'cached/b', layers: [base, { bytes: growing }] })
    await scene.pull(a).done
    const own = b.layers[1]!
    proxy.blob(own.digest).release(half)
    const pull = scene.pull(b)
    await scene.shows(b, 'the base as cached', ({ cachedBytes, percent = 0 }) => {
      return cachedBytes === base.size && percent > 0 && percent < 100
    })
    proxy.blob(own.digest).resume()
    await pull.done
    await scene.pull(b, { mayBeUnseen: true }).done
    await scene.end()
    assert.equal(proxy.bytesOf(base.digest), base.size)
  })

  scenario(
    'a pull that is over in no time',
    async scene => {
      const image = await scene.push({ name: 'quick/app', layers: [{ bytes: 20_000 }] })
      scene.pull(image)
      await scene.end()
      for (const watch of scene.watches) {
        // By its id: a look may fall into the moment in which it resolves, and its start then has no digest.
        const { id } = scene.told(watch, image).at(-1)!
        const types = watch.stream.events.flatMap(({ event }) => (event?.pull.id === id ? event.type : []))
        assert.deepEqual([types[0], types.at(-1)], ['pull.started', 'pull.completed'])
      }
    },
    bothIntervals,
  )

  scenario('unpacking that takes longer than downloading', async scene => {
    const files = 30_000
    const layer = await buildLayer({ bytes: 900_000, files, seed: `unpack-${version}` })
    const image = await scene.push({ name: 'unpack/app', layers: [layer] })
    scene.pull(image)
    await scene.shows(image, 'unpacking', ({ phase, percent }) => phase === 'unpacking' && percent === 100)
    await scene.end()
    const [first, last] = await Promise.all(
      [0, files - 1].map(index => unpackedAtMs(scene.rig.containerd, layer, index)),
    )
    for (const watch of scene.watches) {
      const { phaseStartedAt, completedAt } = scene.told(watch, image).at(-1)!
      const told = { ms: Date.parse(completedAt!) - Date.parse(phaseStartedAt['unpacking']!), tookMs: last! - first! }
      assert.ok(told.ms > told.tookMs / 2, `unpacking must be seen while it goes on: ${JSON.stringify(told)}`)
    }
  })

  scenario('twenty pulls at once', async scene => {
    const { proxy } = scene.rig
    const base = await buildLayer({ bytes: megabyte, seed: `twenty-${version}` })
    const names = Array.from({ length: 20 }, (_, i) => `twenty/app-${i}`)
    const images = await Promise.all(names.map(name => scene.push({ name, layers: [base, { bytes: 150_000 }] })))
    proxy.limit(2 * megabyte)
    for (const image of images) scene.pull(image)
    await scene.end()
    assert.equal(proxy.bytesOf(base.digest), base.size)
  })

  scenario('a registry that takes its time to answer', async scene => {
    const image = await scene.push({ name: 'slow/app', layers: [{ bytes: 100_000 }] })
    const letGo = scene.rig.proxy.holdManifests()
    scene.pull(image)
    await scene.shows(
      undefined,
      'a pull that resolves',
      ({ phase, totalKnown }) => phase === 'resolving' && !totalKnown,
    )
    letGo()
    await scene.end()
  })

  scenario('a pull by ctr in another containerd namespace, beside the kubelet', async scene => {
    const { proxy } = scene.rig
    const spec = { layers: [{ bytes: growing }, { bytes: 200_000 }] }
    const [a, b] = [await scene.push({ name: 'ctr/a', ...spec }), await scene.push({ name: 'ctr/b', ...spec })]
    const calls: Call[] = []
    for (const image of [a, b]) proxy.blob(image.layers[0]!.digest).release(half)
    calls.push(scene.pull(a, { ctr: 'other' }), scene.pull(b))
    for (const image of [a, b]) await scene.showsBytes(image, image.layers[0]!)
    for (const image of [a, b]) proxy.blob(image.layers[0]!.digest).resume()
    await scene.end()
    assert.deepEqual(
      calls.map(({ error }) => error),
      [undefined, undefined],
    )
  })
})
