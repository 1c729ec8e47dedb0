import assert from 'node:assert/strict'
import { eventually } from '../eventually.ts'
import type { BuiltImage } from '../rig/images.ts'
import { buildLayer } from '../rig/layers.ts'
import type { Call } from './recording.ts'
import type { Scene } from './scene.ts'
import { growing, half, megabyte, step } from './sizes.ts'
import { describeScenarios } from './world.ts'

/** An image whose first layer is let out by half, until `resume`; the pull has shown some of it. */
async function halfway(scene: Scene, name: string, ends?: Call['ends']) {
  const image = await scene.push({ name, layers: [{ bytes: growing }, { bytes: 200_000 }] })
  const layer = image.layers[0]!
  scene.rig.proxy.blob(layer.digest).release(half)
  const stop = new AbortController()
  const call = scene.pull(image, { signal: stop.signal, ...(ends && { ends }) })
  await scene.showsBytes(image, layer, step)
  return { image, layer, call, cancel: () => stop.abort(), resume: () => scene.rig.proxy.blob(layer.digest).resume() }
}

/** containerd collects what a failed pull has left: until then a new one would find it. */
async function collected(scene: Scene, image: BuiltImage): Promise<void> {
  const refs = image.layers.map(({ digest }) => `layer-${digest}`)
  await eventually(`containerd must collect ${refs}`, async () => {
    const ingests = await scene.rig.raw.ingests('k8s.io')
    return !ingests.some(({ ref }) => refs.includes(ref))
  })
}

describeScenarios('pulls that meet with faults', ({ version, scenario }) => {
  scenario(
    'a connection that is cut twice is resumed',
    async scene => {
      const { proxy } = scene.rig
      const image = await scene.push({ name: 'cut/app', layers: [{ bytes: growing }, { bytes: 200_000 }] })
      const layer = image.layers[0]!
      proxy.blob(layer.digest).limit(2 * megabyte)
      proxy.blob(layer.digest).cutAfter(1_200_000, 2)
      scene.pull(image)
      await scene.end()
      const served = proxy.requests.filter(({ reference }) => reference === layer.digest)
      assert.deepEqual(
        served.map(({ offset }) => offset),
        [0, 1_200_000, 2_400_000],
      )
    },
    { intervalsMs: [100, 2000] },
  )

  scenario('a wrong digest fails the pull, and its retry is a new pull', async scene => {
    const { proxy } = scene.rig
    const image = await scene.push({ name: 'wrong/app', layers: [{ bytes: growing }, { bytes: 200_000 }] })
    const layer = image.layers[0]!
    proxy.blob(layer.digest).release(half)
    proxy.blob(layer.digest).corrupt()
    const call = scene.pull(image)
    await scene.showsBytes(image, layer, step)
    proxy.blob(layer.digest).resume()
    await call.done
    assert.match(call.error?.message ?? '', /unexpected commit digest/)
    await collected(scene, image)
    await scene.pull(image).done
    await scene.end({ fetchedAgain: true })
  })

  for (const status of [500, 429, 401, 404]) {
    scenario(`a registry that answers ${status} to a layer`, async scene => {
      const { proxy } = scene.rig
      const image = await scene.push({ name: `status/s${status}`, layers: [{ bytes: growing }, { bytes: 200_000 }] })
      const layer = image.layers[0]!
      const gate = proxy.blob(layer.digest)
      gate.cutAfter(half)
      gate.release(half - 100_000)
      const call = scene.pull(image)
      await scene.showsBytes(image, layer, step)
      proxy.answer({ status, when: { reference: layer.digest } })
      gate.resume()
      await call.done
      // Asked for the rest of a layer, a 404 reads to the caller as the end of it.
      assert.match(call.error?.message ?? '', status === 404 ? /unexpected EOF/ : new RegExp(String(status)))
      await scene.end()
    })
  }

  scenario('a registry that refuses after half of a layer', async scene => {
    const { call } = await halfway(scene, 'refuse/app')
    await scene.rig.proxy.refuse()
    await call.done
    assert.ok(call.error)
    await scene.end()
  })

  scenario('a shared layer whose pull is cancelled goes on for the other', async scene => {
    const { proxy } = scene.rig
    const shared = await buildLayer({ bytes: growing, seed: `taken-over-${version}` })
    const [a, b] = [
      await scene.push({ name: 'over/a', layers: [shared] }),
      await scene.push({ name: 'over/b', layers: [shared] }),
    ]
    proxy.blob(shared.digest).release(half)
    const stop = new AbortController()
    const first = scene.pull(a, { signal: stop.signal })
    await scene.showsBytes(a, shared, step)
    scene.pull(b)
    await scene.showsBytes(b, shared, step)
    stop.abort()
    await first.done
    // Once the other has fetched the layer nobody can tell any more that the first pull never had it.
    await scene.shows(a, 'the first pull as failed', ({ phase }) => phase === 'failed')
    proxy.blob(shared.digest).resume()
    await scene.end({ fetchedAgain: true })
  })

  scenario('a shared layer with a wrong digest fails both pulls', async scene => {
    const { proxy } = scene.rig
    const shared = await buildLayer({ bytes: growing, seed: `both-wrong-${version}` })
    const [a, b] = [
      await scene.push({ name: 'both/a', layers: [shared] }),
      await scene.push({ name: 'both/b', layers: [shared] }),
    ]
    proxy.blob(shared.digest).release(half)
    // The other one fetches it once more when what the first one threw away is collected before it looks again.
    proxy.blob(shared.digest).corrupt({ times: 2 })
    const calls = [scene.pull(a), scene.pull(b)]
    for (const image of [a, b]) await scene.showsBytes(image, shared, step)
    proxy.blob(shared.digest).resume()
    await Promise.all(calls.map(({ done }) => done))
    for (const { error } of calls) assert.match(error?.message ?? '', /unexpected commit digest/)
    await scene.end()
  })

  scenario('a registry that answers no manifest', async scene => {
    const { proxy } = scene.rig
    const image = await scene.push({ name: 'nothing/app', layers: [{ bytes: 1_000 }] })
    for (const status of [404, 401, 500]) {
      const takeBack = proxy.answer({ status, when: 'manifest' })
      const call = scene.pull(image, { mayBeUnseen: true, ends: ['failed', 'unknown'] })
      await call.done
      assert.ok(call.error, `a pull that is answered ${status} must fail`)
      takeBack()
    }
    await scene.end()
  })

  scenario('a pull that is cancelled, and another of the same image that is not', async scene => {
    const { image, call, cancel, layer } = await halfway(scene, 'cancel/app')
    cancel()
    await call.done
    await collected(scene, image)
    scene.rig.proxy.blob(layer.digest).resume()
    await scene.pull(image).done
    await scene.end({ fetchedAgain: true })
  })

  scenario('containerd is killed in the middle, and the pull begun again', async scene => {
    const { containerd } = scene.rig
    const { image, layer, call, resume } = await halfway(scene, 'killed/app')
    await containerd.kill9()
    await call.done
    assert.ok(call.error)
    await containerd.restart()
    const retry = scene.pull(image)
    await scene.shows(image, 'the first pull as failed', ({ phase }) => phase === 'failed')
    await scene.showsBytes(image, layer)
    resume()
    await retry.done
    // What containerd had not written yet when it was killed is sent again.
    await scene.end({ fetchedAgain: true })
  })

  scenario('containerd is killed, and the pull is done again before anyone looks', async scene => {
    const { containerd } = scene.rig
    const { image, call, resume } = await halfway(scene, 'killed/quick')
    await containerd.kill9()
    await call.done
    await containerd.restart()
    resume()
    // Its manifest is the dead pull's, so nothing but the image record is new.
    await scene.pull(image, { mayBeUnseen: true }).done
    await scene.end({ fetchedAgain: true })
  })

  scenario('containerd is restarted in the middle', async scene => {
    const { containerd } = scene.rig
    const { image, call, resume } = await halfway(scene, 'restarted/app')
    await containerd.restart()
    await call.done
    assert.ok(call.error)
    const retry = scene.pull(image)
    await scene.shows(image, 'the first pull as failed', ({ phase }) => phase === 'failed')
    await scene.shows(image, 'the retry', ({ phase }) => phase === 'downloading')
    resume()
    await retry.done
    await scene.end({ fetchedAgain: true })
  })

  scenario(
    'a pull that is cancelled, and done again between two looks',
    async scene => {
      const { image, call, cancel, resume } = await halfway(scene, 'again/app')
      cancel()
      await call.done
      await collected(scene, image)
      resume()
      await scene.pull(image).done
      await scene.end({ fetchedAgain: true })
    },
    { intervalsMs: [100, 2000] },
  )
})
