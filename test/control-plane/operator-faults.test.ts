import assert from 'node:assert/strict'
import { configMaps, daemonSets, leases, secrets, statefulSets } from '../../core/kube/resources.ts'
import { eventually } from '../eventually.ts'
import { type ApiRelay, type Fate, openApiRelay } from './api-relay.ts'
import {
  agents,
  applyConfig,
  clear,
  openScene,
  type RunningOperator,
  type Scene,
  startOperator,
  system,
  untilMade,
  untilReason,
} from './operator-rig.ts'

describe('the operator under faults', function () {
  this.timeout(180_000)
  let scene: Scene
  let relay: ApiRelay
  const operators: RunningOperator[] = []

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    scene = await openScene()
    relay = await openApiRelay(scene.plane)
  })
  after(async () => {
    await relay?.[Symbol.asyncDispose]()
    await scene?.[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    relay.fate = () => 'pass'
    relay.deaf = false
    for (const operator of operators.splice(0)) await operator.stop()
    await clear(scene)
  })

  const start = async (kubeconfig = relay.kubeconfig(), env: Record<string, string> = {}) => {
    const operator = await startOperator(kubeconfig, env)
    operators.push(operator)
    return operator
  }

  /** Alone, so that none waits for the Lease of one that was killed. */
  const alone = { PULLTRACE_LEADER_ELECT: 'false' }

  const intervalIs = async (interval: string, limitMs = 20_000) =>
    eventually(
      `the interval ${interval} is in force`,
      async () => {
        const settings = await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system })
        return settings?.data?.['reportInterval'] === interval ? true : undefined
      },
      limitMs,
    )

  const isLeading = (operator: RunningOperator) => operator.lines().some(({ msg }) => msg === 'leading')

  it('sees the next change after the API server was killed and came again', async () => {
    await start(scene.plane.kubeconfig(), alone)
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    await scene.plane.killApiServer()
    await scene.plane.restartApiServer()
    await applyConfig(scene.api, { reportInterval: '3s' })
    await intervalIs('3s', 35_000)
  })

  it('sees the next change when all history that it knew is compacted away', async () => {
    const operator = await start(scene.plane.kubeconfig(), alone)
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    await scene.plane.killApiServer()
    await scene.plane.compactEtcd()
    await scene.plane.restartApiServer()
    await applyConfig(scene.api, { reportInterval: '4s' })
    await intervalIs('4s', 35_000)
    assert.ok(operator.runs())
  })

  it('sees the next change after every watch was cut in the middle', async () => {
    await start(undefined, alone)
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    assert.ok(relay.cutWatches() >= 10)
    await applyConfig(scene.api, { reportInterval: '5s' })
    await intervalIs('5s')
  })

  it('finds by itself what no watch told of', async () => {
    await start(undefined, { ...alone, PULLTRACE_RESYNC_INTERVAL: '1s' })
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    await untilReason(scene.api, 'Reconciling', 'RollingOut')
    relay.deaf = true
    const token = async () => (await scene.api.get(secrets, 'pulltrace-reader', { namespace: system }))?.data
    const chosen = { token: Buffer.from('chosen').toString('base64') }
    await scene.api.apply(
      secrets,
      { metadata: { name: 'pulltrace-reader', namespace: system }, data: chosen },
      { fieldManager: 'somebody', force: true },
    )
    await scene.api.delete(daemonSets, 'pulltrace-agent', { namespace: agents })
    await untilMade(scene.api)
    await applyConfig(scene.api, { reportInterval: '9s' })
    await intervalIs('9s')
    // It has looked since, and still believes in the first token.
    assert.deepEqual(await token(), chosen)
  })

  it('asks a busy API server seldom, and is done within 30 s of its end', async () => {
    await start(undefined, alone)
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    await untilReason(scene.api, 'Reconciling', 'RollingOut')
    relay.fate = () => ({ status: 429 })
    relay.cutWatches()
    const before = relay.asked.length
    await applyConfig(scene.api, { reportInterval: '6s' })
    await scene.api.delete(daemonSets, 'pulltrace-agent', { namespace: agents })
    const stormMs = 20_000
    const startMs = performance.now()
    await eventually(
      'the storm is over',
      () => (performance.now() - startMs > stormMs ? true : undefined),
      stormMs + 5000,
    )
    const asked = relay.asked.length - before
    // Ten watches, each twice as late as before up to 30 s, and what they would have told of.
    assert.ok(asked < 120, `${asked} requests in ${stormMs / 1000} s`)
    relay.fate = () => 'pass'
    await intervalIs('6s', 30_000)
    await untilMade(scene.api, 30_000)
  })

  it('leaves a server alone for as long as it asks', async () => {
    await start(undefined, alone)
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    await untilReason(scene.api, 'Reconciling', 'RollingOut')
    let refusals = 0
    let refusedMs = 0
    relay.fate = ({ method, path }): Fate => {
      if (method !== 'PATCH' || path.includes('/events.k8s.io/')) return 'pass'
      refusals += 1
      refusedMs = performance.now()
      return { status: 429, retryAfterSeconds: 3 }
    }
    await applyConfig(scene.api, { reportInterval: '7s' })
    await eventually('it was refused', () => (refusals > 0 ? true : undefined))
    relay.fate = () => 'pass'
    await intervalIs('7s')
    const tookMs = performance.now() - refusedMs
    assert.ok(tookMs >= 2900, `${tookMs} ms`)
    assert.equal(refusals, 1)
  })

  it('works on when its token was refused for a while', async () => {
    await start(undefined, alone)
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    relay.fate = () => ({ status: 401 })
    relay.cutWatches()
    await applyConfig(scene.api, { reportInterval: '8s' })
    const before = relay.asked.length
    await eventually('it was refused', () => (relay.asked.length > before + 10 ? true : undefined))
    relay.fate = () => 'pass'
    await intervalIs('8s', 35_000)
  })

  it('lets one of two act, and the other within 20 s of its kill', async () => {
    const first = await start(scene.plane.kubeconfig())
    await eventually('the first leads', () => (isLeading(first) ? true : undefined))
    const second = await start(scene.plane.kubeconfig())
    await applyConfig(scene.api, { reportInterval: '1s' })
    await untilMade(scene.api)
    assert.ok(second.lines().every(({ msg }) => msg !== 'step taken'))
    assert.equal((await fetch(`${second.metricsUrl}/readyz`)).status, 200)
    const killedMs = performance.now()
    await first.kill9()
    await applyConfig(scene.api, { reportInterval: '9s' })
    await intervalIs('9s', 20_000)
    const tookMs = Math.round(performance.now() - killedMs)
    assert.ok(isLeading(second))
    // One that ends in order gives the Lease back: the next does not wait for it to run out.
    const third = await start(scene.plane.kubeconfig())
    assert.equal(await second.terminate(), 0)
    await eventually('the third leads', () => (isLeading(third) ? true : undefined), 6000)
    assert.ok(tookMs < 20_000)
    const lease = await scene.api.get(leases, 'pulltrace-operator', { namespace: system })
    assert.equal(lease?.spec?.leaseTransitions, 2)
  })

  it('ends where it should when it is killed at any call of a reconcile', async () => {
    let operator = await start(undefined, alone)
    for (let allowed = 0; ; allowed++) {
      let calls = 0
      let killed: Promise<void> | undefined
      // Done by the API server and not known to the operator; which is also what a kill before the next call leaves.
      relay.fate = ({ method, path }): Fate => {
        if (killed) return 'cut'
        if (path.includes('/events.k8s.io/') || path.includes('watch=true') || calls++ < allowed) return 'pass'
        killed = operator.kill9()
        return method === 'GET' ? 'cut' : 'reached'
      }
      await applyConfig(scene.api)
      const isDone = untilReason(scene.api, 'Reconciling', 'RollingOut').then(
        () => true,
        () => false,
      )
      const isKilled = eventually('it is killed', () => killed?.then(() => true)).catch(() => false)
      await Promise.race([isDone, isKilled])
      // A look that came to its end before the kill: every call of it had its turn.
      if (killed === undefined) {
        assert.ok(allowed >= 10, `${allowed} calls were enough to make eight objects`)
        break
      }
      await killed
      relay.fate = () => 'pass'
      operator = await start(undefined, alone)
      await untilMade(scene.api)
      await untilReason(scene.api, 'Reconciling', 'RollingOut')
      assert.equal((await scene.api.list(daemonSets)).items.length, 1)
      assert.equal((await scene.api.list(statefulSets)).items.length, 1)
      await clear(scene)
    }
  })
})
