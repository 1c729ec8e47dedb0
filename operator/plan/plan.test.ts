import assert from 'node:assert/strict'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { CustomObject, V1DaemonSet, V1NetworkPolicy, V1Secret, V1StatefulSet } from '../../core/kube/objects.ts'
import { inputOf, madeOf } from './build.fake.ts'
import type { Desired, PlanInput } from './input.ts'
import { desiredOf, plan, type Step } from './plan.ts'

const told = (steps: readonly Step[]) =>
  steps.map(step => {
    const { resource, object } = step.do === 'apply' ? step.desired : step.observed
    return `${step.do} ${resource.kind} ${object.metadata?.name}`
  })

const find = <T>(made: readonly Desired[], kind: string, name: string) =>
  made.find(({ resource, object }) => resource.kind === kind && object.metadata?.name === name)?.object as T

const container = (made: readonly Desired[], kind: string, name: string) =>
  find<V1DaemonSet>(made, kind, name).spec!.template.spec!.containers[0]!

describe('plan', () => {
  it('makes everything where nothing is, what is mounted first', () => {
    assert.deepEqual(told(plan(inputOf(), [])), [
      'apply ConfigMap pulltrace-settings',
      'apply Secret pulltrace-reader',
      'apply NetworkPolicy pulltrace-server',
      'apply NetworkPolicy pulltrace-agent',
      'apply Service pulltrace-server',
      'apply Service pulltrace-server-headless',
      'apply StatefulSet pulltrace-server',
      'apply DaemonSet pulltrace-agent',
    ])
  })

  it('changes one ConfigMap for another report interval, and no pod', () => {
    const made = madeOf(inputOf({ reportInterval: '2s' }))
    assert.deepEqual(told(plan(inputOf({ reportInterval: '500ms', idleReportInterval: '30s' }), made)), [
      'apply ConfigMap pulltrace-settings',
    ])
  })

  const agent = ['apply DaemonSet pulltrace-agent']
  const server = ['apply StatefulSet pulltrace-server']
  for (const { name, from = {}, to, steps } of [
    { name: 'priorityClassName', to: { agent: { priorityClassName: 'high' } }, steps: agent },
    { name: 'tolerations', to: { agent: { tolerations: [] } }, steps: agent },
    { name: 'a node selector that goes', from: { agent: { nodeSelector: { a: 'b' } } }, to: {}, steps: agent },
    { name: 'maxUnavailable', to: { agent: { updateStrategy: { maxUnavailable: 2 } } }, steps: agent },
    { name: 'resources of agents', to: { agent: { resources: { limits: { memory: '1Gi' } } } }, steps: agent },
    { name: 'the socket', to: { agent: { runtime: { socket: '/run/k3s/containerd/x.sock' } } }, steps: agent },
    { name: 'retention', to: { server: { history: { retention: '24h' } } }, steps: server },
    { name: 'watchNamespaces', to: { watchNamespaces: ['a', 'b'] }, steps: server },
    { name: 'resources of the server', to: { server: { resources: { requests: { cpu: '1' } } } }, steps: server },
    {
      name: 'the type of the Service',
      to: { server: { service: { type: 'NodePort' } } },
      steps: ['apply Service pulltrace-server'],
    },
    {
      name: 'another way to read',
      to: { server: { readerAuth: 'kubernetes' } },
      steps: ['delete Secret pulltrace-reader', ...server],
    },
    { name: 'secrets for images', to: { imagePullSecrets: [{ name: 'pull' }] }, steps: [...server, ...agent] },
  ] as { name: string; from?: PulltraceConfigSpec; to: PulltraceConfigSpec; steps: string[] }[]) {
    it(`touches only what depends on it: ${name}`, () => {
      assert.deepEqual(told(plan(inputOf(to), madeOf(inputOf(from)))), steps)
    })
  }

  const rules = { rulesKeys: { hmacSecret: 'id:x', apiKey: 'tk-v1-id-y', adminPassword: 'pw' } }

  it('adds the programs of rules to what runs, and takes them away again with all but their keys', () => {
    const on = { rules: { enabled: true } }
    const beside = [
      'apply NetworkPolicy pulltrace-server',
      'Service pulltrace-server-headless',
      'Service tk-sensor-api',
      'Service tk-web-ui',
    ]
    assert.deepEqual(told(plan(inputOf(on), madeOf(inputOf()))), [
      'apply Secret pulltrace-rules',
      beside[0],
      `apply ${beside[1]}`,
      `apply ${beside[2]}`,
      `apply ${beside[3]}`,
      ...server,
    ])
    assert.deepEqual(told(plan(inputOf({}, rules), madeOf(inputOf(on, rules)))), [
      `delete ${beside[2]}`,
      `delete ${beside[3]}`,
      beside[0],
      `apply ${beside[1]}`,
      ...server,
    ])
  })

  it('never replaces the keys of the rule half', () => {
    const input = inputOf({ rules: { enabled: true } }, rules)
    const { data } = find<V1Secret>(madeOf(input), 'Secret', 'pulltrace-rules')
    assert.equal(Buffer.from(data!['hmac-secret']!, 'base64').toString(), 'id:x')
    assert.deepEqual(told(plan(input, madeOf(input))), [])
    assert.ok(plan(inputOf({ rules: { enabled: true } }), []).some(step => step.do === 'apply' && step.desired.once))
  })

  it('plans nothing for what it has made, whatever the spec', () => {
    const specs: PulltraceConfigSpec[] = [
      {},
      { idleReportInterval: '30s', server: { tls: { secretName: 'tls' }, readerAuth: 'none' } },
      { rules: { enabled: true, retention: '24h' }, server: { tls: { secretName: 'tls' } } },
      { agent: { nodeSelector: { disk: 'ssd' }, resources: { limits: { cpu: '200m' } } }, watchNamespaces: ['a'] },
    ]
    for (const spec of specs) {
      const input = inputOf(spec, { caCertificate: 'pem', hasServiceMonitors: true, ...rules })
      assert.deepEqual(told(plan(input, madeOf(input))), [])
    }
  })

  it('puts back what somebody changed, and leaves what they added', () => {
    const made = madeOf(inputOf())
    container(made, 'DaemonSet', 'pulltrace-agent').image = 'evil.example.com/x'
    find<V1StatefulSet>(made, 'StatefulSet', 'pulltrace-server').metadata!.annotations!['mine'] = 'yes'
    container(made, 'StatefulSet', 'pulltrace-server').env!.push({ name: 'PULLTRACE_LOG_LEVEL', value: 'debug' })
    assert.deepEqual(told(plan(inputOf(), made)), agent)
  })

  it('applies everything when what was seen is not believed, but forces no token on anyone', () => {
    const steps = plan(inputOf(), madeOf(inputOf()), { all: true })
    assert.equal(steps.length, madeOf(inputOf()).length)
    const once = steps.flatMap(step => (step.do === 'apply' && step.desired.once ? [step.desired.resource.kind] : []))
    assert.deepEqual(once, ['Secret'])
  })

  it('never replaces the token of readers', () => {
    const made = madeOf(inputOf({}, { readerToken: 'first' }))
    const secret = find<V1Secret>(made, 'Secret', 'pulltrace-reader')
    assert.equal(Buffer.from(secret.data!['token']!, 'base64').toString(), 'first')
    assert.deepEqual(told(plan(inputOf({}, { readerToken: 'first' }), made)), [])
  })

  for (const readerAuth of ['token', 'none'] as const) {
    it(`lets a Secret alone that somebody put there, with readerAuth ${readerAuth}`, () => {
      const made = madeOf(inputOf())
      const secret = find<V1Secret>(made, 'Secret', 'pulltrace-reader')
      secret.metadata = { name: 'pulltrace-reader', namespace: 'pulltrace-system', uid: 'theirs' }
      secret.data = { token: 'dGhlaXJz' }
      const steps = told(plan(inputOf({ server: { readerAuth } }), made))
      assert.deepEqual(
        steps.filter(step => step.includes('Secret')),
        [],
      )
    })
  }

  it('says nothing of the token in an annotation', () => {
    const hash = (readerToken: string) =>
      find<V1Secret>(desiredOf(inputOf({}, { readerToken })) as Desired[], 'Secret', 'pulltrace-reader').metadata!
        .annotations
    assert.deepEqual(hash('one'), hash('two'))
  })

  it('removes what another config made before it takes the name', () => {
    const made = madeOf(inputOf({}, { owner: { name: 'older', uid: 'u-0' } }))
    const steps = told(plan(inputOf(), made))
    assert.equal(steps.length, made.length)
    assert.ok(steps.every(step => step.startsWith('delete ')))
  })

  it('removes the certificate of agents when there is no TLS any more', () => {
    const steps = told(
      plan(inputOf(), madeOf(inputOf({ server: { tls: { secretName: 'x' } } }, { caCertificate: 'pem' }))),
    )
    assert.deepEqual(
      steps.filter(step => step.startsWith('delete ')),
      ['delete ConfigMap pulltrace-server-ca'],
    )
  })

  for (const { name, metadata } of [
    { name: 'a copy under a name of its own', metadata: { name: 'copy' } },
    { name: 'a copy in the other namespace', metadata: { namespace: 'pulltrace-agents' } },
    {
      name: 'what nobody owns',
      metadata: { name: 'pulltrace-server-ca', namespace: 'pulltrace-agents', ownerReferences: [] },
    },
  ]) {
    it(`leaves ${name}, though it has our label`, () => {
      const made = madeOf(inputOf())
      const [settings] = madeOf(inputOf())
      Object.assign(settings!.object.metadata!, { uid: 'theirs', ...metadata })
      assert.deepEqual(told(plan(inputOf(), [...made, settings!])), [])
    })
  }

  it('waits for what is being deleted', () => {
    const made = madeOf(inputOf())
    for (const { object } of made) object.metadata!.deletionTimestamp = '2026-11-21T10:00:00Z'
    assert.deepEqual(told(plan(inputOf(), made)), [])
  })

  it('makes the ServiceMonitor where its kind is known, and removes it with nothing else', () => {
    const withKind = inputOf({}, { hasServiceMonitors: true })
    assert.deepEqual(told(plan(withKind, madeOf(inputOf()))), ['apply ServiceMonitor pulltrace'])
  })

  it('keeps the volume of the cluster, and changes the rest', () => {
    const there = inputOf()
    const input: PlanInput = inputOf(
      { server: { storage: { size: '9Gi' }, history: { retention: '1h' } } },
      { claimTemplates: [{ size: '2Gi', storageClassName: undefined }] },
    )
    const steps = plan(input, madeOf(there))
    assert.deepEqual(told(steps), server)
    const set = (steps[0] as Step & { do: 'apply' }).desired.object as V1StatefulSet
    assert.equal(set.spec!.volumeClaimTemplates![0]!.spec!.resources!.requests!['storage'], '2Gi')
  })
})

describe('desiredOf', () => {
  const spec = { rules: { enabled: true } }
  const made = desiredOf(inputOf(spec, { hasServiceMonitors: true })) as Desired[]

  it('owns everything, so that it goes with the config', () => {
    for (const { resource, object } of made) {
      const [owner] = object.metadata?.ownerReferences ?? []
      assert.deepEqual([owner?.kind, owner?.uid], ['PulltraceConfig', 'u-1'], resource.kind)
      assert.equal(object.metadata?.labels?.['app.kubernetes.io/managed-by'], 'pulltrace-operator')
    }
  })

  it('has no value that an API server would drop, which would look like a change for ever', () => {
    const dropped = (value: unknown): boolean =>
      value === '' || value === undefined || value === null || (Array.isArray(value) && value.length === 0)
    const visit = (value: unknown, path: string): void => {
      if (dropped(value)) assert.fail(`${path} is ${JSON.stringify(value)}`)
      if (typeof value !== 'object' || value === null) return
      for (const [key, item] of Object.entries(value)) visit(item, `${path}.${key}`)
    }
    for (const { resource, object } of made) visit(object, resource.kind)
  })

  it('keeps the report interval out of every pod', () => {
    for (const [kind, name] of [
      ['DaemonSet', 'pulltrace-agent'],
      ['StatefulSet', 'pulltrace-server'],
    ] as const) {
      const names = container(made, kind, name).env?.map(variable => variable.name) ?? []
      assert.deepEqual(
        names.filter(variable => variable.includes('INTERVAL')),
        [],
      )
    }
  })

  it('gives the agent the folder of the socket, one token and nothing of the API server', () => {
    const pod = find<V1DaemonSet>(made, 'DaemonSet', 'pulltrace-agent').spec!.template.spec!
    assert.deepEqual(
      pod.volumes?.map(volume => volume.hostPath?.path ?? volume.name),
      ['/run/containerd', 'token'],
    )
    assert.equal(pod.automountServiceAccountToken, false)
    assert.ok(pod.containers[0]!.volumeMounts!.every(mount => mount.readOnly))
  })

  it('lets agents find the server wherever DNS pods listen, and reach nothing else outside of it', () => {
    const { egress } = find<V1NetworkPolicy>(made, 'NetworkPolicy', 'pulltrace-agent').spec!
    const anywhere = egress!.filter(({ to }) => to === undefined).flatMap(({ ports }) => ports!)
    assert.deepEqual(anywhere.map(({ port, protocol }) => `${port}/${protocol}`).sort(), [
      '53/TCP',
      '53/UDP',
      '5353/TCP',
      '5353/UDP',
      '8053/TCP',
      '8053/UDP',
    ])
  })

  it('runs everything as the level restricted wants it, the one host path aside', () => {
    for (const [kind, name] of [
      ['DaemonSet', 'pulltrace-agent'],
      ['StatefulSet', 'pulltrace-server'],
    ] as const) {
      const pod = find<V1DaemonSet>(made, kind, name).spec!.template.spec!
      const inside = pod.containers.map(({ securityContext }) => securityContext)
      assert.equal(pod.securityContext?.runAsNonRoot, true)
      assert.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault')
      const restricted = {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      }
      assert.deepEqual(inside, Array(inside.length).fill(restricted))
    }
  })

  it('shows each container of the keys what it needs, and no more', () => {
    const { containers, volumes } = find<V1StatefulSet>(made, 'StatefulSet', 'pulltrace-server').spec!.template.spec!
    const hashing = containers.filter(({ env }) => JSON.stringify(env).includes('hmac-secret'))
    assert.deepEqual(
      hashing.map(({ name }) => name),
      ['sensor-api', 'web-ui'],
    )
    const keysIn = (volume: string) =>
      volumes!.find(({ name }) => name === volume)!.secret!.items!.map(({ key }) => key)
    assert.deepEqual([...keysIn('rules'), ...keysIn('admin')], ['api-key', 'admin-password'])
    const mounting = (volume: string) =>
      containers
        .filter(({ volumeMounts }) => volumeMounts!.some(({ name }) => name === volume))
        .map(({ name }) => name)
        .join()
    assert.deepEqual([mounting('rules'), mounting('admin')], ['server,sensor-api', 'web-ui'])
  })

  it("speaks with the sensor API over TLS by the name in its certificate, in the server's own pod", () => {
    const tls = desiredOf(inputOf({ ...spec, server: { tls: { secretName: 'x' } } }, { caKey: 'tls.crt' })) as Desired[]
    const pod = find<V1StatefulSet>(tls, 'StatefulSet', 'pulltrace-server').spec!.template.spec!
    const value = (name: string) => pod.containers[0]!.env!.find(each => each.name === name)?.value
    assert.equal(value('TK_API_URL'), 'https://tk-sensor-api.pulltrace-system.svc:50051')
    assert.equal(value('TK_CA_FILE'), '/etc/pulltrace/tls/tls.crt')
    assert.deepEqual(pod.hostAliases, [{ ip: '127.0.0.1', hostnames: ['tk-sensor-api.pulltrace-system.svc'] }])
  })

  it('takes the image from the settings only', () => {
    const images = made.flatMap(({ object }) =>
      [...JSON.stringify(object as CustomObject).matchAll(/"image":"([^"]+)"/g)].map(match => match[1]),
    )
    assert.deepEqual(images, Array(4).fill('registry.example.com/pulltrace:1'))
  })
})
