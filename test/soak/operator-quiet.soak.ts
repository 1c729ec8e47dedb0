import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { configMaps, daemonSets } from '../../core/kube/resources.ts'
import {
  agents,
  applyConfig,
  openScene,
  type RunningOperator,
  type Scene,
  startOperator,
  system,
  untilMade,
  untilReason,
} from '../control-plane/operator-rig.ts'
import { eventually } from '../eventually.ts'

/** Longer than the API server's shortest watch, and than what proxies and clients have been seen to give up after. */
const quietMs = 6 * 60_000 + 20_000

describe('the operator after minutes in which nothing happened', function () {
  this.timeout(quietMs + 120_000)
  let scene: Scene
  let operator: RunningOperator

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    scene = await openScene()
    operator = await startOperator(scene.plane.kubeconfig())
  })
  after(async () => {
    await operator?.stop()
    await scene?.[Symbol.asyncDispose]()
  })

  it('sees a change of the config, and one by hand, in under 1 s', async () => {
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    await untilReason(scene.api, 'Reconciling', 'RollingOut')
    // The point of it: nothing else would make these minutes pass.
    await delay(quietMs)
    const seen = async (what: string, act: () => Promise<unknown>, is: () => Promise<true | undefined>) => {
      const startMs = performance.now()
      await act()
      await eventually(what, is, 1000)
      console.log(`    ${what} after ${Math.round(performance.now() - startMs)} ms`)
    }
    await seen(
      'the interval is in force',
      () => applyConfig(scene.api, { reportInterval: '2500ms' }),
      async () => {
        const settings = await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system })
        return settings?.data?.['reportInterval'] === '2500ms' ? true : undefined
      },
    )
    await seen(
      'the deleted DaemonSet is there again',
      () => scene.api.delete(daemonSets, 'pulltrace-agent', { namespace: agents }),
      async () => ((await scene.api.get(daemonSets, 'pulltrace-agent', { namespace: agents })) ? true : undefined),
    )
    assert.deepEqual(
      operator.lines().filter(({ level }) => level === 'error'),
      [],
    )
  })
})
