import assert from 'node:assert/strict'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import { configMaps, secrets, services } from '../../core/kube/resources.ts'
import { eventually } from '../eventually.ts'
import {
  applyConfig,
  clear,
  daemonSetOf,
  envOf,
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

describe('the operator and the fields of a PulltraceConfig', function () {
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

  it('changes the interval in one ConfigMap only: no pod template, no generation', async () => {
    await applyConfig(scene.api, { reportInterval: '2s' })
    await untilMade(scene.api)
    const before = { agent: await daemonSetOf(scene.api), server: await statefulSetOf(scene.api) }
    await scene.kubectl(['patch', 'ptc', 'pulltrace', '--type=merge', '--patch={"spec":{"reportInterval":"500ms"}}'])
    await eventually('the interval is in force', async () =>
      (await statusOf(scene.api))?.reportInterval === '500ms' ? true : undefined,
    )
    const settings = await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system })
    assert.deepEqual(settings?.data, { reportInterval: '500ms' })
    assert.equal((await daemonSetOf(scene.api)).metadata?.generation, before.agent.metadata?.generation)
    assert.equal((await statefulSetOf(scene.api)).metadata?.generation, before.server.metadata?.generation)
  })

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
      seen: async () => podOf(await daemonSetOf(scene.api)).volumes?.find(volume => volume.hostPath)?.hostPath?.path,
      is: '/run/k3s/containerd',
    },
    {
      name: 'agent.nodeSelector',
      spec: { agent: { nodeSelector: { disk: 'ssd' } } },
      seen: async () => podOf(await daemonSetOf(scene.api)).nodeSelector?.['disk'],
      is: 'ssd',
    },
    {
      name: 'agent.tolerations',
      spec: { agent: { tolerations: [{ key: 'gpu', operator: 'Exists' }] } },
      seen: async () =>
        podOf(await daemonSetOf(scene.api))
          .tolerations?.map(({ key }) => key ?? 'all')
          .join(),
      is: 'gpu',
    },
    {
      name: 'agent.resources',
      spec: { agent: { resources: { limits: { memory: '1024Mi' } } } },
      seen: async () => podOf(await daemonSetOf(scene.api)).containers[0]!.resources?.limits?.['memory'],
      is: '1Gi',
    },
    {
      name: 'agent.priorityClassName',
      spec: { agent: { priorityClassName: 'system-node-critical' } },
      seen: async () => podOf(await daemonSetOf(scene.api)).priorityClassName,
      is: 'system-node-critical',
    },
    {
      name: 'agent.updateStrategy',
      spec: { agent: { updateStrategy: { maxUnavailable: 3 } } },
      seen: async () => String((await daemonSetOf(scene.api)).spec?.updateStrategy?.rollingUpdate?.maxUnavailable),
      is: '3',
    },
    {
      name: 'server.resources',
      spec: { server: { resources: { requests: { cpu: '250m' } } } },
      seen: async () => podOf(await statefulSetOf(scene.api)).containers[0]!.resources?.requests?.['cpu'],
      is: '250m',
    },
    {
      name: 'server.history.retention',
      spec: { server: { history: { retention: '24h' } } },
      seen: async () => envOf(await statefulSetOf(scene.api), 'PULLTRACE_HISTORY_TTL'),
      is: '24h',
    },
    {
      name: 'server.readerAuth',
      spec: { server: { readerAuth: 'kubernetes' } },
      seen: async () => {
        const secret = await scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
        return `${envOf(await statefulSetOf(scene.api), 'PULLTRACE_READER_AUTH')}, ${secret ? 'a' : 'no'} Secret`
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
      name: 'server.publicURL',
      spec: { server: { publicURL: 'https://pulls.example.com' }, rules: { enabled: true } },
      seen: async () => (await publicUrlsOf(scene))['PULLTRACE_PUBLIC_URL'],
      is: 'https://pulls.example.com in server, https://pulls.example.com in web-ui',
    },
    {
      name: 'rules.publicURL',
      spec: { rules: { enabled: true, publicURL: 'http://10.0.0.7:30090' } },
      seen: async () => (await publicUrlsOf(scene))['TK_PUBLIC_URL'],
      is: 'http://10.0.0.7:30090 in server, http://10.0.0.7:30090 in web-ui',
    },
    {
      name: 'rules.enabled',
      spec: { rules: { enabled: true } },
      seen: async () => {
        const [api, keys] = await Promise.all([
          scene.api.get(services, 'tk-sensor-api', { namespace: system }),
          scene.api.get(secrets, 'pulltrace-rules', { namespace: system }),
        ])
        const names = podOf(await statefulSetOf(scene.api)).containers.map(({ name }) => name)
        return api && keys && names.join()
      },
      is: 'server,sensor-api,web-ui',
    },
    {
      name: 'rules.retention',
      spec: { rules: { enabled: true, retention: '24h' } },
      seen: async () => {
        const [, api] = podOf(await statefulSetOf(scene.api)).containers
        return api?.env?.find(({ name }) => name === 'TK_EVENTS_RETENTION')?.value
      },
      is: '24h',
    },
    {
      name: 'watchNamespaces',
      spec: { watchNamespaces: ['shop', 'bank'] },
      seen: async () => envOf(await statefulSetOf(scene.api), 'PULLTRACE_WATCH_NAMESPACES'),
      is: 'shop,bank',
    },
    {
      name: 'imagePullSecrets',
      spec: { imagePullSecrets: [{ name: 'pull' }] },
      seen: async () => podOf(await daemonSetOf(scene.api)).imagePullSecrets?.[0]?.name,
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

/** By variable: its value and the containers of the server's pod that have it. */
async function publicUrlsOf({ api }: Scene): Promise<Record<string, string>> {
  const urls: Record<string, string> = {}
  for (const container of podOf(await statefulSetOf(api)).containers) {
    for (const { name, value } of container.env?.filter(({ name }) => name.endsWith('_PUBLIC_URL')) ?? []) {
      urls[name] = [urls[name] ?? [], `${value} in ${container.name}`].flat().join(', ')
    }
  }
  return urls
}
