import assert from 'node:assert/strict'
import type { KubeObject, V1Secret } from '../../core/kube/objects.ts'
import { networkPolicies, secrets, serviceMonitors } from '../../core/kube/resources.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { carryOut } from '../../operator/carry-out.ts'
import { inputOf } from '../../operator/plan/build.fake.ts'
import { plan } from '../../operator/plan/plan.ts'
import { eventually } from '../eventually.ts'
import {
  agents,
  applyConfig,
  clear,
  configIn,
  daemonSetOf,
  envOf,
  made,
  openScene,
  podOf,
  type RunningOperator,
  type Scene,
  startOperator,
  statefulSetOf,
  system,
  untilMade,
  untilReason,
} from './operator-rig.ts'
import { serviceMonitorKind } from './service-monitor-kind.ts'

describe('the operator and what others do', function () {
  this.timeout(120_000)
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
  afterEach(() => clear(scene))

  for (const [resource, namespace, name] of made) {
    it(`makes ${resource.kind} ${name} again within 2 s when somebody deletes it`, async () => {
      await applyConfig(scene.api)
      const all = await untilMade(scene.api)
      const { uid } = all.find(
        object =>
          object.kind === resource.kind && object.metadata?.name === name && object.metadata.namespace === namespace,
      )!.metadata!
      await scene.api.delete(resource, name, { namespace })
      await eventually(
        'it is there again',
        async () => {
          const again = await scene.api.get<KubeObject>(resource, name, { namespace })
          return again && again.metadata?.uid !== uid ? true : undefined
        },
        2000,
      )
    })
  }

  it('takes back what somebody changed of ours within 2 s, and leaves what is theirs', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    const at = `--namespace=${agents}`
    await scene.kubectl(['label', 'daemonset', 'pulltrace-agent', at, 'team=storage'])
    await scene.kubectl(['set', 'env', 'daemonset/pulltrace-agent', at, 'PULLTRACE_LOG_LEVEL=debug'])
    await scene.kubectl(['set', 'image', 'daemonset/pulltrace-agent', at, 'agent=evil.example.com/x'])
    await eventually(
      'the image is ours again',
      async () => {
        const [container] = podOf(await daemonSetOf(scene.api)).containers
        return container?.image === 'registry.example.com/pulltrace:test' ? true : undefined
      },
      2000,
    )
    const set = await daemonSetOf(scene.api)
    assert.equal(set.metadata?.labels?.['team'], 'storage')
    assert.equal(envOf(set, 'PULLTRACE_LOG_LEVEL'), 'debug')
    // Also when the config changes something beside it.
    await applyConfig(scene.api, { agent: { nodeSelector: { disk: 'ssd' } } })
    await eventually('the selector is there', async () =>
      podOf(await daemonSetOf(scene.api)).nodeSelector?.['disk'] ? true : undefined,
    )
    assert.equal(envOf(await daemonSetOf(scene.api), 'PULLTRACE_LOG_LEVEL'), 'debug')
    assert.equal((await daemonSetOf(scene.api)).metadata?.labels?.['team'], 'storage')
  })

  it('writes nothing more once everything is as it should be', async () => {
    await applyConfig(scene.api, {
      agent: { resources: { limits: { memory: '1024Mi', cpu: '0.5' } }, tolerations: [] },
    })
    await untilMade(scene.api)
    await untilReason(scene.api, 'Reconciling', 'RollingOut')
    const versions = async () => (await untilMade(scene.api)).map(({ metadata }) => metadata?.resourceVersion)
    const settled = await eventually('nothing changes', async () => {
      const first = JSON.stringify(await versions())
      await scene.kubectl(['get', 'ptc']) // Some 50 ms, in which it would act.
      return JSON.stringify(await versions()) === first ? first : undefined
    })
    const writes = () => operator.lines().filter(({ msg }) => msg === 'step taken').length
    const before = writes()
    // A change of the config that means nothing: the operator looks, and does nothing.
    await scene.kubectl(['label', 'ptc', 'pulltrace', 'looked=at'])
    const reconciles = async () =>
      Number(
        /reconcile_total\{.*"success"\} (\d+)/.exec(await (await fetch(`${operator.metricsUrl}/metrics`)).text())?.[1],
      ) +
      Number(
        /reconcile_total\{.*"requeue_after"\} (\d+)/.exec(
          await (await fetch(`${operator.metricsUrl}/metrics`)).text(),
        )?.[1],
      )
    const looked = await reconciles()
    await scene.kubectl(['label', 'ptc', 'pulltrace', 'looked=again', '--overwrite'])
    await eventually('it has looked', async () => ((await reconciles()) > looked ? true : undefined))
    assert.equal(JSON.stringify(await versions()), settled)
    assert.equal(writes(), before)
  })

  it('makes the token of readers once, and keeps one that somebody chose', async () => {
    const token = async () => (await scene.api.get(secrets, 'pulltrace-reader', { namespace: system }))?.data?.['token']
    await applyConfig(scene.api)
    await untilMade(scene.api)
    const first = await token()
    assert.equal(Buffer.from(Buffer.from(first!, 'base64').toString(), 'base64url').length, 32)
    const chosen = Buffer.from('chosen').toString('base64')
    await scene.kubectl([
      'patch',
      'secret',
      'pulltrace-reader',
      `--namespace=${system}`,
      `--patch={"data":{"token":"${chosen}"}}`,
    ])
    await applyConfig(scene.api, { watchNamespaces: ['a'] })
    await eventually('the change is carried out', async () =>
      envOf(await statefulSetOf(scene.api), 'PULLTRACE_WATCH_NAMESPACES') ? true : undefined,
    )
    assert.equal(await token(), chosen)
  })

  it('replaces no token of which it does not know yet', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    const read = () => scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
    const before = await read()
    const config = (await configIn(scene.api))!
    const owner = { name: 'pulltrace', uid: config.metadata!.uid! }
    // As an operator whose watch has brought nothing.
    const steps = plan(inputOf({}, { owner, readerToken: undefined, newReaderToken: 'another' }), [])
    const outcomes: string[] = []
    const metrics = { wrote: (kind: string, outcome: string) => outcomes.push(`${kind} ${outcome}`) }
    const parts = { api: scene.api, events: { event() {} }, log: silentLogger, metrics, written: new Map() }
    const only = steps.filter(step => step.do === 'apply' && step.desired.resource === secrets)
    const { refused } = await carryOut(parts, config, only, [], AbortSignal.timeout(10_000))
    assert.deepEqual([outcomes, refused], [['Secret kept'], []])
    assert.deepEqual((await read())?.data, before?.data)
  })

  it('leaves a Secret of the user as it is, and does not take it along', async () => {
    const secret: V1Secret = {
      metadata: { name: 'pulltrace-reader', namespace: system },
      data: { token: Buffer.from('mine').toString('base64') },
    }
    const theirs = await scene.api.create(secrets, secret)
    await applyConfig(scene.api)
    await eventually('the rest is made', () => daemonSetOf(scene.api))
    await applyConfig(scene.api, { server: { readerAuth: 'none' } })
    await eventually('nobody is asked', async () =>
      envOf(await statefulSetOf(scene.api), 'PULLTRACE_READER_AUTH') === 'none' ? true : undefined,
    )
    const now = await scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
    assert.equal(now?.metadata?.resourceVersion, theirs.metadata?.resourceVersion)
    await scene.api.delete(secrets, 'pulltrace-reader', { namespace: system })
  })

  it('makes a ServiceMonitor as soon as the cluster knows that kind', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    await scene.kubectl(['apply', '--filename=-'], JSON.stringify(serviceMonitorKind))
    await eventually('the ServiceMonitor is there', async () => {
      try {
        return await scene.api.get(serviceMonitors, 'pulltrace', { namespace: system })
      } catch {
        return undefined // The kind is not served yet.
      }
    })
    await scene.kubectl(['delete', 'crd', serviceMonitorKind.metadata.name])
    await applyConfig(scene.api, { watchNamespaces: ['b'] })
    await eventually('it works on without that kind', async () =>
      envOf(await statefulSetOf(scene.api), 'PULLTRACE_WATCH_NAMESPACES') === 'b' ? true : undefined,
    )
  })

  it('limits what an agent may reach', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    const policy = await scene.api.get(networkPolicies, 'pulltrace-agent', { namespace: agents })
    assert.deepEqual(policy?.spec?.policyTypes, ['Ingress', 'Egress'])
    const [toServer] = policy?.spec?.egress ?? []
    assert.equal(toServer?.to?.[0]?.namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name'], system)
  })
})
