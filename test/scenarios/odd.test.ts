import assert from 'node:assert/strict'
import { eventually } from '../eventually.ts'
import { growing, half, step } from './sizes.ts'
import { describeScenarios } from './world.ts'

describeScenarios('odd lives of a pull', ({ scenario }) => {
  scenario(
    'an image that is removed as soon as it is there',
    async scene => {
      const image = await scene.push({ name: 'removed/app', layers: [{ bytes: 300_000 }] })
      const gate = scene.rig.proxy.blob(image.layers[0]!.digest)
      gate.release(100_000)
      // Little of it is left to look at: it may be said that this cannot be told, and never that it failed.
      const call = scene.pull(image, { ends: ['completed', 'unknown'], removed: true })
      await scene.shows(image, 'the pull', ({ phase }) => phase === 'downloading')
      gate.resume()
      await call.done
      await scene.rig.containerd.cri.remove(call.ref)
      await scene.end()
    },
    { intervalsMs: [100, 2000] },
  )

  scenario(
    'a node whose pods have leases, and whose images a snapshotter had unpacked that is gone',
    async scene => {
      const { ctr } = scene.rig.containerd
      const inKubernetes = { namespace: 'k8s.io' }
      const pods = Array.from({ length: 30 }, (_, pod) => `pod-${pod}`)
      for (const id of pods) await ctr(['leases', 'create', '--id', id, '--expires', '0s'], inKubernetes)
      const before = await scene.push({ name: 'moved/before', layers: [{ bytes: 200_000 }] })
      await scene.pull(before).done
      const label = `containerd.io/gc.ref.snapshot.gone=${before.layers[0]!.digest}`
      await ctr(['content', 'label', before.configDigest, label], inKubernetes)
      await scene.pull(before, { mayBeUnseen: true }).done
      const quick = await scene.push({ name: 'moved/quick', layers: [{ bytes: 100_000 }] })
      await scene.pull(quick).done
      for (const id of pods) await ctr(['leases', 'rm', id], inKubernetes)
      await scene.end()
    },
    { intervalsMs: [100, 2000] },
  )

  scenario('containerd that hangs for a while', async scene => {
    const { containerd, proxy } = scene.rig
    const image = await scene.push({ name: 'hangs/app', layers: [{ bytes: growing }, { bytes: 100_000 }] })
    const layer = image.layers[0]!
    proxy.blob(layer.digest).release(half)
    const call = scene.pull(image)
    await scene.showsBytes(image, layer, step)
    process.kill(containerd.pid, 'SIGSTOP')
    try {
      const told = () => scene.watches.every(({ agent }) => agent.log().includes('containerd does not answer'))
      await eventually("the agent's calls must run into their deadline", told)
    } finally {
      process.kill(containerd.pid, 'SIGCONT')
    }
    proxy.blob(layer.digest).resume()
    await call.done
    assert.equal(call.error, undefined)
    await scene.end()
  })

  scenario('ctr that is killed in the middle, whose lease is then deleted', async scene => {
    const { containerd, proxy, raw } = scene.rig
    const image = await scene.push({ name: 'ctr/killed', layers: [{ bytes: growing }] })
    const layer = image.layers[0]!
    proxy.blob(layer.digest).release(half)
    const stop = new AbortController()
    const call = scene.pull(image, { ctr: 'other', signal: stop.signal })
    await scene.showsBytes(image, layer, step)
    stop.abort()
    await call.done
    const stays = await raw.leases('other')
    assert.equal(stays.length, 1, 'the lease of a killed ctr stays')
    await containerd.ctr(['leases', 'rm', stays[0]!.id], { namespace: 'other' })
    call.endMs = Date.now()
    await scene.end()
  })
})
