import assert from 'node:assert/strict'
import type { Call } from './recording.ts'
import type { Scene } from './scene.ts'
import { growing, half, step } from './sizes.ts'
import type { Watch } from './watch.ts'
import { describeScenarios } from './world.ts'

/** A pull that shows one step of its first layer, and waits to be let go or cancelled. */
async function halfway(scene: Scene, name: string, ends?: Call['ends']) {
  const image = await scene.push({ name, layers: [{ bytes: growing }, { bytes: 200_000 }] })
  const layer = image.layers[0]!
  const gate = scene.rig.proxy.blob(layer.digest)
  gate.release(half)
  const stop = new AbortController()
  const call = scene.pull(image, { signal: stop.signal, ...(ends && { ends }) })
  await scene.showsBytes(image, layer, step)
  return {
    image,
    layer,
    call,
    gate,
    async complete() {
      gate.resume()
      await call.done
      assert.equal(call.error, undefined)
    },
    async cancel() {
      stop.abort()
      await call.done
      assert.ok(call.error)
    },
  }
}

const each = (scene: Scene, act: (watch: Watch) => Promise<void>) => Promise.all(scene.watches.map(act))

describeScenarios('our own programs that stop', ({ scenario }) => {
  scenario('the agent is killed in the middle of a pull', async scene => {
    const { image, layer, gate, complete } = await halfway(scene, 'agent/middle')
    await each(scene, ({ agent }) => agent.kill9())
    gate.release(1_000_000)
    await each(scene, ({ agent }) => agent.restart())
    await scene.showsBytes(image, layer, 2 * step)
    await complete()
    await scene.end()
  })

  scenario('the agent is killed, and pulls end before it is back', async scene => {
    const good = await halfway(scene, 'agent/good')
    // What a failed pull has left is collected at once: a new agent finds nothing to tell how it ended.
    const bad = await halfway(scene, 'agent/bad', ['failed', 'unknown'])
    await each(scene, ({ agent }) => agent.kill9())
    await good.complete()
    await bad.cancel()
    await each(scene, ({ agent }) => agent.restart())
    await scene.end()
  })

  scenario('the agent is killed after it saw the end, and before the server heard of it', async scene => {
    const { image, complete } = await halfway(scene, 'agent/untold')
    for (const { relay } of scene.watches) relay.mode = 'refuse'
    await complete()
    await each(scene, async ({ relay, agent, holds }) => {
      const tried = () =>
        relay.reports.some(({ report }) =>
          report.pulls.some(({ digest, phase }) => digest === image.targetDigest && phase === 'completed'),
        )
      assert.ok(await holds(tried, 10_000), 'the agent must try to report the end')
      await agent.kill9()
      relay.mode = 'pass'
      await agent.restart()
    })
    await scene.end()
  })

  scenario('the agent is stopped and started in the middle of a pull', async scene => {
    const { complete } = await halfway(scene, 'agent/stopped')
    await each(scene, ({ agent }) => agent.restart())
    await complete()
    await scene.end()
  })

  scenario('the server is killed, and pulls begin and end before it is back', async scene => {
    const good = await halfway(scene, 'server/good')
    const bad = await halfway(scene, 'server/bad')
    await each(scene, ({ server }) => server.kill9())
    const whole = await scene.push({ name: 'server/whole', layers: [{ bytes: 100_000 }] })
    await good.complete()
    await bad.cancel()
    await scene.pull(whole).done
    await each(scene, ({ server }) => server.restart())
    await scene.end()
  })

  scenario('the server is restarted in the middle of a pull', async scene => {
    const { image, complete, layer } = await halfway(scene, 'server/middle')
    const before = new Map(scene.watches.map(watch => [watch, scene.told(watch, image).length]))
    await each(scene, ({ server }) => server.restart())
    await each(scene, async watch => {
      const told = () => scene.told(watch, image).length > before.get(watch)!
      assert.ok(await watch.holds(told, 10_000), 'the pull must be told again after the restart')
    })
    await scene.showsBytes(image, layer, step)
    await complete()
    await scene.end()
  })

  scenario('answers are lost while pulls end', async scene => {
    const good = await halfway(scene, 'lost/good')
    const bad = await halfway(scene, 'lost/bad')
    for (const { relay } of scene.watches) relay.mode = 'lose-answers'
    await good.complete()
    await bad.cancel()
    await each(scene, async ({ relay, holds }) => {
      const from = relay.reports.length
      const repeated = () => relay.reports.slice(from).filter(({ report }) => report.pulls.length === 2).length > 2
      assert.ok(await holds(repeated, 15_000), 'the agent must go on to report what was not acknowledged')
      relay.mode = 'pass'
    })
    await scene.end()
  })

  scenario('nothing gets through while pulls begin and end', async scene => {
    const image = await scene.push({ name: 'refused/short', layers: [{ bytes: 400_000 }] })
    const bad = await halfway(scene, 'refused/bad')
    for (const { relay } of scene.watches) relay.mode = 'refuse'
    await scene.pull(image).done
    await bad.cancel()
    for (const { relay } of scene.watches) relay.mode = 'pass'
    await scene.end()
  })
})
