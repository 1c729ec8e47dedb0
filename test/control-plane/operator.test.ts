import assert from 'node:assert/strict'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { KubeObject, V1DaemonSet, V1Secret, V1StatefulSet } from '../../core/kube/objects.ts'
import {
  configMaps,
  daemonSets,
  networkPolicies,
  nodes,
  pulltraceConfigs,
  secrets,
  serviceMonitors,
  services,
  statefulSets,
} from '../../core/kube/resources.ts'
import { eventually } from '../stream/eventually.ts'
import {
  agents,
  applyConfig,
  clear,
  made,
  openScene,
  type RunningOperator,
  type Scene,
  startOperator,
  statusOf,
  system,
  untilMade,
  untilReason,
} from './operator-rig.ts'

describe('the operator on a real API server', function () {
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

  const daemonSet = async () =>
    (await scene.api.get(daemonSets, 'pulltrace-agent', { namespace: agents })) as V1DaemonSet
  const statefulSet = async () =>
    (await scene.api.get(statefulSets, 'pulltrace-server', { namespace: system })) as V1StatefulSet

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

  it('changes the interval in one ConfigMap only: no pod template, no generation', async () => {
    await applyConfig(scene.api, { reportInterval: '2s' })
    await untilMade(scene.api)
    const before = { agent: await daemonSet(), server: await statefulSet() }
    await scene.kubectl(['patch', 'ptc', 'pulltrace', '--type=merge', '--patch={"spec":{"reportInterval":"500ms"}}'])
    await eventually('the interval is in force', async () =>
      (await statusOf(scene.api))?.reportInterval === '500ms' ? true : undefined,
    )
    const settings = await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system })
    assert.deepEqual(settings?.data, { reportInterval: '500ms' })
    assert.equal((await daemonSet()).metadata?.generation, before.agent.metadata?.generation)
    assert.equal((await statefulSet()).metadata?.generation, before.server.metadata?.generation)
  })

  const podOf = (set: V1DaemonSet | V1StatefulSet) => set.spec!.template.spec!
  const envOf = (set: V1DaemonSet | V1StatefulSet, name: string) =>
    podOf(set).containers[0]!.env?.find(variable => variable.name === name)?.value

  for (const { name, spec, seen } of [
    {
      name: 'idleReportInterval',
      spec: { idleReportInterval: '30s' },
      seen: async () =>
        (await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system }))?.data?.['idleReportInterval'],
      is: '30s',
    },
    {
      name: 'agent.runtime.socket',
      spec: { agent: { runtime: { socket: '/run/k3s/containerd/containerd.sock' } } },
      seen: async () => podOf(await daemonSet()).volumes?.find(volume => volume.hostPath)?.hostPath?.path,
      is: '/run/k3s/containerd',
    },
    {
      name: 'agent.nodeSelector',
      spec: { agent: { nodeSelector: { disk: 'ssd' } } },
      seen: async () => podOf(await daemonSet()).nodeSelector?.['disk'],
      is: 'ssd',
    },
    {
      name: 'agent.tolerations',
      spec: { agent: { tolerations: [{ key: 'gpu', operator: 'Exists' }] } },
      seen: async () =>
        podOf(await daemonSet())
          .tolerations?.map(({ key }) => key ?? 'all')
          .join(),
      is: 'gpu',
    },
    {
      name: 'agent.resources',
      spec: { agent: { resources: { limits: { memory: '1024Mi' } } } },
      seen: async () => podOf(await daemonSet()).containers[0]!.resources?.limits?.['memory'],
      is: '1Gi',
    },
    {
      name: 'agent.priorityClassName',
      spec: { agent: { priorityClassName: 'system-node-critical' } },
      seen: async () => podOf(await daemonSet()).priorityClassName,
      is: 'system-node-critical',
    },
    {
      name: 'agent.updateStrategy',
      spec: { agent: { updateStrategy: { maxUnavailable: 3 } } },
      seen: async () => String((await daemonSet()).spec?.updateStrategy?.rollingUpdate?.maxUnavailable),
      is: '3',
    },
    {
      name: 'server.resources',
      spec: { server: { resources: { requests: { cpu: '250m' } } } },
      seen: async () => podOf(await statefulSet()).containers[0]!.resources?.requests?.['cpu'],
      is: '250m',
    },
    {
      name: 'server.history.retention',
      spec: { server: { history: { retention: '24h' } } },
      seen: async () => envOf(await statefulSet(), 'PULLTRACE_HISTORY_TTL'),
      is: '24h',
    },
    {
      name: 'server.readerAuth',
      spec: { server: { readerAuth: 'kubernetes' } },
      seen: async () => {
        const secret = await scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
        return `${envOf(await statefulSet(), 'PULLTRACE_READER_AUTH')}, ${secret ? 'a' : 'no'} Secret`
      },
      is: 'kubernetes, no Secret',
    },
    {
      name: 'server.service.type',
      spec: { server: { service: { type: 'NodePort' } } },
      seen: async () => (await scene.api.get(services, 'pulltrace-server', { namespace: system }))?.spec?.type,
      is: 'NodePort',
    },
    {
      name: 'watchNamespaces',
      spec: { watchNamespaces: ['shop', 'bank'] },
      seen: async () => envOf(await statefulSet(), 'PULLTRACE_WATCH_NAMESPACES'),
      is: 'shop,bank',
    },
    {
      name: 'imagePullSecrets',
      spec: { imagePullSecrets: [{ name: 'pull' }] },
      seen: async () => podOf(await daemonSet()).imagePullSecrets?.[0]?.name,
      is: 'pull',
    },
  ].map(row => ({ ...row, seen: async () => ((await row.seen()) === row.is ? true : undefined) })) as {
    name: string
    spec: PulltraceConfigSpec
    seen: () => Promise<true | undefined>
  }[]) {
    it(`carries out a change of ${name}, and takes it back`, async () => {
      await applyConfig(scene.api)
      await untilMade(scene.api)
      assert.equal(await seen(), undefined)
      await applyConfig(scene.api, spec)
      await eventually(`${name} has arrived`, seen)
      await applyConfig(scene.api)
      await eventually(`${name} is gone again`, async () => ((await seen()) ? undefined : true))
      await untilMade(scene.api)
    })
  }

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
        const [container] = podOf(await daemonSet()).containers
        return container?.image === 'registry.example.com/pulltrace:test' ? true : undefined
      },
      2000,
    )
    const set = await daemonSet()
    assert.equal(set.metadata?.labels?.['team'], 'storage')
    assert.equal(envOf(set, 'PULLTRACE_LOG_LEVEL'), 'debug')
    // Also when the config changes something beside it.
    await applyConfig(scene.api, { agent: { nodeSelector: { disk: 'ssd' } } })
    await eventually('the selector is there', async () =>
      podOf(await daemonSet()).nodeSelector?.['disk'] ? true : undefined,
    )
    assert.equal(envOf(await daemonSet(), 'PULLTRACE_LOG_LEVEL'), 'debug')
    assert.equal((await daemonSet()).metadata?.labels?.['team'], 'storage')
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
      envOf(await statefulSet(), 'PULLTRACE_WATCH_NAMESPACES') ? true : undefined,
    )
    assert.equal(await token(), chosen)
  })

  it('leaves a Secret of the user as it is, and does not take it along', async () => {
    const secret: V1Secret = {
      metadata: { name: 'pulltrace-reader', namespace: system },
      data: { token: Buffer.from('mine').toString('base64') },
    }
    const theirs = await scene.api.create(secrets, secret)
    await applyConfig(scene.api)
    await eventually('the rest is made', daemonSet)
    await applyConfig(scene.api, { server: { readerAuth: 'none' } })
    await eventually('nobody is asked', async () =>
      envOf(await statefulSet(), 'PULLTRACE_READER_AUTH') === 'none' ? true : undefined,
    )
    const now = await scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
    assert.equal(now?.metadata?.resourceVersion, theirs.metadata?.resourceVersion)
    await scene.api.delete(secrets, 'pulltrace-reader', { namespace: system })
  })

  it('says that a volume cannot change, and changes everything else', async () => {
    await applyConfig(scene.api)
    await untilMade(scene.api)
    await applyConfig(scene.api, { server: { storage: { size: '4Gi' } }, watchNamespaces: ['a'] })
    const { message } = await untilReason(scene.api, 'Stalled', 'StorageImmutable')
    assert.match(message, /spec\.server\.storage\.size is '4Gi', but the volume was made with '2Gi'/)
    assert.equal(envOf(await statefulSet(), 'PULLTRACE_WATCH_NAMESPACES'), 'a')
    // What the message says: without the StatefulSet it is made anew, in the new size.
    await scene.kubectl(['delete', '--cascade=orphan', 'statefulset/pulltrace-server', `--namespace=${system}`])
    await untilReason(scene.api, 'Stalled', 'Progressing')
    const [claim] = (await statefulSet()).spec?.volumeClaimTemplates ?? []
    assert.equal(claim?.spec?.resources?.requests?.['storage'], '4Gi')
  })

  describe('with a kind that is older or newer than the operator, and lets everything pass', () => {
    const name = 'pulltraceconfigs.pulltrace.dev'
    let kind: string
    before(async () => {
      kind = await scene.kubectl(['get', 'crd', name, '--output=json'])
      await scene.kubectl(['replace', '--filename=-'], JSON.stringify(withoutBounds(JSON.parse(kind))))
    })
    after(async () => {
      const { metadata, ...rest } = JSON.parse(kind)
      const { resourceVersion: _, ...current } = metadata
      await scene.kubectl(['replace', '--filename=-'], JSON.stringify({ ...rest, metadata: current }))
    })

    for (const { reason, spec, says } of [
      { reason: 'NotAvailable', spec: { rules: { enabled: true } }, says: /`spec\.rules\.enabled` cannot be true/ },
      {
        reason: 'InvalidSpec',
        spec: { agent: { runtime: { socket: '/etc/../x.sock' } } },
        says: /spec\.agent\.runtime\.socket/,
      },
      { reason: 'InvalidSpec', spec: { idleReportInterval: '1s' }, says: /idleReportInterval/ },
    ]) {
      it(`stalls with ${reason} on ${JSON.stringify(spec)}, and takes nothing away`, async () => {
        await applyConfig(scene.api, { reportInterval: '3s' })
        const before = (await untilMade(scene.api)).map(({ metadata }) => metadata?.uid)
        await eventually('the bounds are gone', async () => {
          const wanted = { reportInterval: '9s', ...spec } as PulltraceConfigSpec
          return applyConfig(scene.api, wanted).then(
            () => true as const,
            () => undefined, // The API server takes a moment to see that the kind has changed.
          )
        })
        const { message } = await untilReason(scene.api, 'Stalled', reason)
        assert.match(message, says)
        assert.equal((await statusOf(scene.api))?.reportInterval, '3s')
        assert.deepEqual(
          (await untilMade(scene.api)).map(({ metadata }) => metadata?.uid),
          before,
        )
        await applyConfig(scene.api, { reportInterval: '5s' })
        await untilReason(scene.api, 'Stalled', 'Progressing')
        assert.equal((await statusOf(scene.api))?.reportInterval, '5s')
      })
    }
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
      envOf(await statefulSet(), 'PULLTRACE_WATCH_NAMESPACES') === 'b' ? true : undefined,
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

/** Of a CRD, what refuses a value. */
function withoutBounds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutBounds)
  if (typeof value !== 'object' || value === null) return value
  const bounds = ['x-kubernetes-validations', 'pattern', 'enum', 'resourceVersion']
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (bounds.includes(key) ? [] : [[key, withoutBounds(item)]])),
  )
}

const serviceMonitorKind = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'servicemonitors.monitoring.coreos.com' },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: {
      kind: 'ServiceMonitor',
      listKind: 'ServiceMonitorList',
      plural: 'servicemonitors',
      singular: 'servicemonitor',
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}
