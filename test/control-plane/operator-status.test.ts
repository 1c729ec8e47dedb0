import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { daemonSets, secrets, statefulSets } from '../../core/kube/resources.ts'
import { kstatusOf } from '../../operator/kstatus.fake.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { eventually } from '../eventually.ts'
import { type ApiRelay, openApiRelay } from './api-relay.ts'
import {
  agents,
  allMade,
  applyConfig,
  clear,
  configIn,
  daemonSetOf,
  openScene,
  podOf,
  type RunningOperator,
  type Scene,
  startOperator,
  statefulSetOf,
  statusOf,
  system,
  untilMade,
  untilReason,
} from './operator-rig.ts'

/** Without controllers: what they would count is written by hand. */
describe('the status of a PulltraceConfig', function () {
  this.timeout(60_000)
  let scene: Scene
  let relay: ApiRelay
  let operator: RunningOperator

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    scene = await openScene()
    relay = await openApiRelay(scene.plane)
    operator = await startOperator(relay.kubeconfig(), { PULLTRACE_LEADER_ELECT: 'false' })
  })
  after(async () => {
    await operator?.stop()
    await relay?.[Symbol.asyncDispose]()
    await scene?.[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    relay.fate = () => 'pass'
    await clear(scene)
  })

  /** As the DaemonSet's controller does. */
  async function countAgents(desired: number, ready: number) {
    const set = await daemonSetOf(scene.api)
    const observedGeneration = set.metadata?.generation ?? 1
    const counts = { desiredNumberScheduled: desired, updatedNumberScheduled: desired, numberReady: ready }
    const status = { ...counts, currentNumberScheduled: desired, numberMisscheduled: 0, observedGeneration }
    await scene.api.replace(daemonSets, { ...set, status }, { subresource: 'status' })
  }

  /** As the StatefulSet's controller does. */
  async function countServers(ready: 0 | 1) {
    const set = await statefulSetOf(scene.api)
    const observedGeneration = set.metadata?.generation ?? 1
    const status = { replicas: 1, readyReplicas: ready, updatedReplicas: 1, observedGeneration }
    await scene.api.replace(statefulSets, { ...set, status }, { subresource: 'status' })
  }

  it('is there before anything is made, so that nobody takes it for done', async () => {
    relay.fate = ({ method, path }) => (method === 'PATCH' && path.includes('/configmaps/') ? 'cut' : 'pass')
    await applyConfig(scene.api)
    const { status } = await untilReason(scene.api, 'Reconciling', 'Begun')
    assert.equal(status, 'True')
    const config = await configIn(scene.api)
    assert.equal(kstatusOf(config!), 'InProgress')
  })

  it('lets `kubectl wait` end when the server and the agents are ready, and says when they are not any more', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    const waiting = scene.kubectl(['wait', '--for=condition=Ready', 'ptc/pulltrace', '--timeout=20s'])
    await countServers(1)
    await countAgents(3, 3)
    assert.match(await waiting, /condition met/)
    assert.equal(kstatusOf((await configIn(scene.api))!), 'Current')
    assert.match(await scene.kubectl(['get', 'ptc']), /pulltrace +True +2s +3\/3 /)
    await countServers(0)
    const degraded = await untilReason(scene.api, 'Degraded', 'ServerNotReady')
    assert.equal(degraded.status, 'True')
    const events = await eventually('an Event warns', async () => {
      const told = await scene.kubectl(['get', 'events', '--namespace=default', '--field-selector=type=Warning'])
      return told.includes('ServerNotReady') ? told : undefined
    })
    assert.match(events, /the server is not ready/)
  })

  it('stays ready and says so when one node of a thousand is down', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    await countServers(1)
    await countAgents(1000, 999)
    const { message } = await untilReason(scene.api, 'Degraded', 'AgentsNotReady')
    assert.equal(message, '999 of 1000 agents are ready, 1000 in their newest form')
    assert.equal((await untilReason(scene.api, 'Ready', 'Ready')).status, 'True')
  })

  it('is written a few times, not for every node, while agents become ready', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    await countServers(1)
    const before = relay.asked.length
    for (let ready = 1; ready <= 200; ready++) await countAgents(200, ready)
    await eventually('the last one is counted', async () =>
      (await statusOf(scene.api))?.agents?.ready === 200 ? true : undefined,
    )
    const writes = relay.asked.slice(before).filter(({ path }) => path.includes('/status')).length
    assert.ok(writes >= 1 && writes < 30, `${writes} writes for 200 changes`)
  })

  it('says what is wrong with the certificate, and goes on when it is mended', async () => {
    await applyConfig(scene.api, { reportInterval: '3s' })
    await untilMade(scene.api)
    const before = (await statefulSetOf(scene.api)).metadata?.generation
    await applyConfig(scene.api, { server: { tls: { secretName: 'mine' } } })
    const { message } = await untilReason(scene.api, 'Stalled', 'TlsSecretInvalid')
    assert.match(message, /Secret 'mine' in namespace 'pulltrace-system' .* must exist/)
    assert.equal((await statefulSetOf(scene.api)).metadata?.generation, before)
    const authority = await createAuthority(scene.plane.dir)
    const pair = await authority.serve('mine', { names: [`pulltrace-server.${system}.svc`], addresses: [] })
    const encoded = (file: string) => readFileSync(file).toString('base64')
    await scene.api.create(secrets, {
      metadata: { name: 'mine', namespace: system },
      data: {
        'tls.crt': encoded(pair.certificateFile),
        'tls.key': encoded(pair.keyFile),
        'ca.crt': encoded(authority.certificateFile),
      },
    })
    await untilReason(scene.api, 'Stalled', 'Progressing', 'pulltrace', 30_000)
    assert.match((await statusOf(scene.api))?.endpoint ?? '', /^https:/)
    const [container] = podOf(await statefulSetOf(scene.api)).containers
    assert.equal(container?.readinessProbe?.httpGet?.scheme, 'HTTPS')
    await scene.api.delete(secrets, 'mine', { namespace: system })
  })

  for (const { reason, type, status } of [
    { reason: 'ApplyFailed', type: 'Degraded', status: 403 },
    { reason: 'Refused', type: 'Stalled', status: 422 },
  ]) {
    it(`says ${reason} when one object is answered with ${status}, makes all others, and goes on when it may`, async () => {
      relay.fate = ({ method, path }) => (method === 'PATCH' && path.includes('/daemonsets/') ? { status } : 'pass')
      await applyConfig(scene.api)
      const { message } = await untilReason(scene.api, type, reason)
      assert.match(message, /^DaemonSet pulltrace-agents\/pulltrace-agent: .*too many requests/)
      const all = await allMade(scene.api)
      assert.equal(all.filter(object => object === undefined).length, 1)
      relay.fate = () => 'pass'
      // What may pass by itself is tried again; what is refused waits for somebody to change it.
      if (type === 'Stalled') await applyConfig(scene.api, { watchNamespaces: ['a'] })
      await untilMade(scene.api, 20_000)
      await untilReason(scene.api, 'Stalled', 'Progressing')
    })
  }

  it('follows a new image when the operator is updated, and nothing else does', async () => {
    await applyConfig(scene.api)
    const before = await untilMade(scene.api)
    await operator.stop()
    operator = await startOperator(relay.kubeconfig(), {
      PULLTRACE_LEADER_ELECT: 'false',
      PULLTRACE_IMAGE: 'registry.example.com/pulltrace:next',
    })
    await eventually('both have the new image', async () => {
      const images = [await daemonSetOf(scene.api), await statefulSetOf(scene.api)].map(
        set => podOf(set).containers[0]!.image,
      )
      return images.every(image => image?.endsWith(':next')) ? true : undefined
    })
    const after = await untilMade(scene.api)
    const changed = after.filter(
      ({ metadata }, index) => metadata?.resourceVersion !== before[index]?.metadata?.resourceVersion,
    )
    assert.deepEqual(changed.map(({ kind }) => kind).sort(), ['DaemonSet', 'StatefulSet'])
    // Nor was it written in vain.
    const told = () => operator.lines().flatMap(({ what, outcome }) => (what ? [`${what} ${outcome}`] : []))
    await eventually('it tells of its last write', () => told().some(line => line.startsWith('DaemonSet')))
    assert.deepEqual(told(), [
      `StatefulSet ${system}/pulltrace-server updated`,
      `DaemonSet ${agents}/pulltrace-agent updated`,
    ])
  })
})
