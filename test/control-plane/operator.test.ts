import assert from 'node:assert/strict'
import { configMaps, nodes, pods, pulltraceConfigs } from '../../core/kube/resources.ts'
import { eventually } from '../eventually.ts'
import {
  applyConfig,
  clear,
  envOf,
  made,
  openScene,
  type RunningOperator,
  type Scene,
  startOperator,
  statefulSetOf,
  statusOf,
  system,
  untilMade,
  untilReason,
} from './operator-rig.ts'

describe('the operator in a cluster with its controllers', function () {
  this.timeout(120_000)
  let scene: Scene
  let operator: RunningOperator

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    scene = await openScene({ controllerManager: true })
    operator = await startOperator(scene.plane.kubeconfig())
  })
  after(async () => {
    await operator?.stop()
    await scene?.[Symbol.asyncDispose]()
  })
  afterEach(() => clear(scene))

  it('makes everything, tells how far it is, and removes all of it with the config', async () => {
    await applyConfig(scene.api)
    const all = await untilMade(scene.api)
    assert.equal(all.length, made.length)
    const reconciling = await untilReason(scene.api, 'Reconciling', 'RollingOut')
    assert.match(reconciling.message, /the server is not ready|being/)
    const wide = await scene.kubectl(['get', 'ptc', '--output=wide'])
    assert.match(wide, /NAME +READY +INTERVAL +AGENTS +ENDPOINT +AGE +REASON/)
    assert.match(
      wide,
      /pulltrace +False +2s +0\/0 +http:\/\/pulltrace-server\.pulltrace-system\.svc:8080 .* ServerNotReady/,
    )
    await eventually('an Event tells of it', async () => {
      const told = await scene.kubectl(['get', 'events', '--namespace=default', '--output=wide'])
      return told.includes('DaemonSet pulltrace-agents/pulltrace-agent was made') ? true : undefined
    })
    await clear(scene)
  })

  it('lets one config be in force, and the next take over when that one goes', async () => {
    await applyConfig(scene.api, { reportInterval: '1s' }, 'first')
    const before = await untilMade(scene.api)
    await eventually('a second has passed, in which times of creation are told apart', async () => {
      const first = await scene.api.get(pulltraceConfigs, 'first')
      return Date.now() - Date.parse(first!.metadata!.creationTimestamp!) > 1000 ? true : undefined
    })
    await applyConfig(scene.api, { reportInterval: '7s' }, 'second')
    const { message } = await untilReason(scene.api, 'Stalled', 'AnotherConfigActive', 'second')
    assert.match(message, /'first' is older and in force/)
    assert.equal((await statusOf(scene.api, 'first'))?.reportInterval, '1s')
    await scene.api.delete(pulltraceConfigs, 'first')
    await untilReason(scene.api, 'Reconciling', 'RollingOut', 'second')
    const settings = await eventually('the interval of the second is there', async () => {
      const there = await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system })
      return there?.data?.['reportInterval'] === '7s' ? there : undefined
    })
    assert.notEqual(settings.metadata?.uid, before[0]?.metadata?.uid)
    const all = await untilMade(scene.api)
    const second = await scene.api.get(pulltraceConfigs, 'second')
    for (const { metadata, kind } of all) {
      assert.deepEqual(
        metadata?.ownerReferences?.map(({ uid }) => uid),
        [second?.metadata?.uid],
        kind,
      )
    }
  })

  it('says that a volume cannot change, and changes everything else', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    await applyConfig(scene.api, { server: { storage: { size: '4Gi' } }, watchNamespaces: ['a'] })
    const { message } = await untilReason(scene.api, 'Stalled', 'StorageImmutable')
    assert.match(message, /spec\.server\.storage\.size is '4Gi', but the volume was made with '2Gi'/)
    assert.equal(envOf(await statefulSetOf(scene.api), 'PULLTRACE_WATCH_NAMESPACES'), 'a')
    // What the message says: without the StatefulSet it is made anew, in the new size.
    const inSystem = ['statefulset/pulltrace-server', `--namespace=${system}`]
    const { uid } = (await statefulSetOf(scene.api)).metadata!
    const isGone = async () => (await statefulSetOf(scene.api))?.metadata?.uid !== uid
    await scene.kubectl(['delete', '--cascade=orphan', '--wait=false', ...inSystem])
    // Letting go is the garbage collector's, for which kubectl once waited two minutes in vain; nobody else does it.
    const letGo = JSON.stringify([
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'remove', path: '/metadata/finalizers' },
    ])
    await eventually('the StatefulSet is let go', isGone).catch(() =>
      scene.kubectl(['patch', '--type=json', `--patch=${letGo}`, ...inSystem]),
    )
    await untilReason(scene.api, 'Stalled', 'Progressing')
    const [claim] = (await statefulSetOf(scene.api)).spec?.volumeClaimTemplates ?? []
    assert.equal(claim?.spec?.resources?.requests?.['storage'], '4Gi')
  })

  it('replaces a server that could not start, once the config is mended', async () => {
    const requested = async () =>
      (await scene.api.get(pods, 'pulltrace-server-0', { namespace: system }))?.spec?.containers[0]?.resources
        ?.requests?.['cpu']
    const untilRequested = (cpu: string) =>
      eventually(`the pod asks for ${cpu}`, async () => ((await requested()) === cpu ? true : undefined), 20_000)
    // No node has so many; here there is none at all.
    await applyConfig(scene.api, { server: { resources: { requests: { cpu: '900' } } } })
    await untilRequested('900')
    await applyConfig(scene.api, { server: { resources: { requests: { cpu: '50m' } } } })
    await untilRequested('50m')
  })

  it('counts a thousand nodes in as few bytes as one', async function () {
    this.timeout(120_000)
    const node = (index: number) => ({
      metadata: { name: `node-${index}`, labels: { 'kubernetes.io/os': 'linux' } },
    })
    const batch = async (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, index) => scene.api.create(nodes, node(from + index))))
    await applyConfig(scene.api, { agent: { tolerations: [{ operator: 'Exists' }] } })
    await batch(0, 1)
    const counted = (desired: number) =>
      eventually(
        `${desired} agents are wanted`,
        async () => {
          const status = await statusOf(scene.api)
          return status?.agents?.desired === desired ? JSON.stringify(status) : undefined
        },
        60_000,
      )
    const one = await counted(1)
    for (let from = 1; from < 1000; from += 111) await batch(from, from + 111)
    const thousand = await counted(1000)
    assert.ok(thousand.length - one.length < 60, `${one.length} and ${thousand.length} bytes`)
    assert.match(await scene.kubectl(['get', 'ptc']), / \d+\/1000 /)
    await scene.kubectl(['delete', 'nodes', '--all', '--wait=false'])
  })
})
