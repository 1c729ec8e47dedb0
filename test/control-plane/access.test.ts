import assert from 'node:assert/strict'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { V1DaemonSet, V1StatefulSet } from '../../core/kube/objects.ts'
import { agentDaemonSet } from '../../operator/plan/agent-daemonset.ts'
import { inputOf } from '../../operator/plan/build.fake.ts'
import { serverStatefulSet } from '../../operator/plan/server-statefulset.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { createAsker } from './ask.ts'

interface Attributes {
  readonly verb: string
  readonly group?: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

const system = 'pulltrace-system'
const agents = 'pulltrace-agents'
const account = (name: string, namespace = system) => `system:serviceaccount:${namespace}:${name}`

/** Every way that we know to decide which image runs as the agent, but for being cluster-admin. */
const waysToAnImage: readonly Attributes[] = [
  ...['create', 'update', 'patch', 'delete'].flatMap(verb => [
    { verb, group: 'pulltrace.dev', resource: 'pulltraceconfigs' },
    { verb, group: 'pulltrace.dev', resource: 'pulltraceconfigs', subresource: 'status' },
    { verb, group: 'apps', resource: 'daemonsets', namespace: agents, name: 'pulltrace-agent' },
    { verb, group: 'apps', resource: 'deployments', namespace: system, name: 'pulltrace-operator' },
    { verb, group: 'apps', resource: 'statefulsets', namespace: system, name: 'pulltrace-server' },
    { verb, resource: 'configmaps', namespace: system, name: 'pulltrace-settings' },
    { verb, group: 'rbac.authorization.k8s.io', resource: 'roles', namespace: agents },
    { verb, group: 'rbac.authorization.k8s.io', resource: 'rolebindings', namespace: system },
    { verb, group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
    { verb, group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
    { verb, group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations' },
    { verb, resource: 'namespaces', name: agents },
  ]),
  ...[system, agents].flatMap(namespace => [
    // A pod of one's own beside ours, or more inside ours.
    { verb: 'create', resource: 'pods', namespace },
    { verb: 'update', resource: 'pods', subresource: 'ephemeralcontainers', namespace },
    { verb: 'create', resource: 'pods', subresource: 'exec', namespace },
    { verb: 'create', group: 'batch', resource: 'jobs', namespace },
    { verb: 'create', group: 'apps', resource: 'daemonsets', namespace },
  ]),
  // To become the operator.
  { verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace: system, name: 'pulltrace-operator' },
  { verb: 'impersonate', resource: 'serviceaccounts', namespace: system, name: 'pulltrace-operator' },
  { verb: 'create', resource: 'secrets', namespace: system },
  { verb: 'create', resource: 'pods', subresource: 'portforward', namespace: system, name: 'pulltrace-operator-0' },
]

describe('config/default on a real API server', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  let asker: ReturnType<typeof createAsker>
  let warnings: string

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    // With the controller that gathers the rules of `view`, `edit` and `admin`.
    plane = await startControlPlane({ controllerManager: true })
    asker = createAsker(plane)
    warnings = (await kubectl(['apply', '--filename=config/install.yaml'])).stderr
    await kubectl(['create', 'namespace', 'shop'])
    for (const [binding, ...args] of [
      ['rolebinding', 'ns-admin', '--namespace=shop', '--clusterrole=admin', '--user=ns-admin'],
      ['rolebinding', 'ns-edit', '--namespace=shop', '--clusterrole=edit', '--user=ns-edit'],
      ['rolebinding', 'ns-view', '--namespace=shop', '--clusterrole=view', '--user=ns-view'],
      ['rolebinding', 'watcher', `--namespace=${system}`, '--role=pulltrace-viewer', '--user=watcher'],
      ['rolebinding', 'watcher', `--namespace=${agents}`, '--role=pulltrace-viewer', '--user=watcher'],
      ['clusterrolebinding', 'all-view', '--clusterrole=view', '--user=all-view'],
    ]) {
      await kubectl(['create', binding!, ...args])
    }
    await kubectl(['wait', '--for=jsonpath={.rules[*].apiGroups[?(@=="pulltrace.dev")]}', 'clusterrole/view'])
  })
  after(async () => {
    asker?.close()
    await plane?.stop()
  })

  const kubectl = async (args: readonly string[], input?: string) => {
    const result = await plane.kubectl(args, input)
    assert.equal(result.code, 0, result.stderr)
    return result
  }

  const may = async (user: string, resourceAttributes: Attributes): Promise<boolean> => {
    const groups = user.startsWith('system:serviceaccount:')
      ? ['system:serviceaccounts', `system:serviceaccounts:${user.split(':')[2]}`, 'system:authenticated']
      : ['system:authenticated']
    const { status, body } = await asker.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, groups, resourceAttributes },
    })
    assert.equal(status, 201, JSON.stringify(body))
    return body.status.allowed
  }
  const asText = ({ verb, resource, subresource, namespace = '', name = '' }: Attributes) =>
    `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`} ${namespace}/${name}`

  it('applies without a warning: the operator is a restricted pod', async () => {
    assert.equal(warnings, '')
    const { stdout } = await kubectl(['get', 'namespace', system, agents, '-o=json'])
    const { items } = JSON.parse(stdout) as { items: { metadata: { labels: Record<string, string> } }[] }
    assert.deepEqual(
      items.map(({ metadata }) => metadata.labels['pod-security.kubernetes.io/enforce']),
      ['restricted', 'privileged'],
    )
  })

  it('keeps what an agent must mount out of the namespace of the servers', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace: system },
      spec: {
        containers: [{ name: 'a', image: 'a' }],
        volumes: [{ name: 'runtime', hostPath: { path: '/run/containerd' } }],
      },
    }
    const { code, stderr } = await plane.kubectl(['create', '-f=-'], JSON.stringify(pod))
    assert.equal(code, 1)
    assert.match(stderr, /violates PodSecurity "restricted:latest".*hostPath/s)
  })

  const specs: readonly { name: string; spec: PulltraceConfigSpec }[] = [
    { name: 'by default', spec: {} },
    { name: 'with TLS', spec: { server: { tls: { secretName: 'pulltrace-server-tls' } } } },
    { name: 'with readers of the cluster', spec: { server: { readerAuth: 'kubernetes' } } },
    { name: 'on k3s', spec: { agent: { runtime: { socket: '/run/k3s/containerd/containerd.sock' } } } },
  ]
  for (const { name, spec } of specs) {
    it(`admits the pods of server and agent ${name}`, async () => {
      const input = inputOf(spec, spec.server?.tls && { caCertificate: 'PEM' })
      for (const { object } of [serverStatefulSet(input), agentDaemonSet(input)]) {
        const { status, body } = await createPodOf(object)
        assert.equal(status, 201, JSON.stringify(body))
        const mounts = body.spec.volumes.map((volume: { name: string }) => volume.name)
        // The server speaks to the API server, an agent has a token for the server alone.
        const isServer = object.kind === 'StatefulSet'
        assert.equal(
          mounts.some((volume: string) => volume.startsWith('kube-api-access')),
          isServer,
        )
      }
    })
  }

  it('admits no pod that is less than restricted beside the server, though it looks like one', async () => {
    const { object } = serverStatefulSet(inputOf())
    object.spec!.template.spec!.containers[0]!.securityContext!.allowPrivilegeEscalation = true
    const { status, body } = await createPodOf(object)
    assert.equal(status, 403)
    assert.match(body.message, /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/)
  })

  /** As a controller makes one of the template, but for being kept. */
  function createPodOf({ metadata, spec }: V1StatefulSet | V1DaemonSet) {
    const claims = (spec as V1StatefulSet['spec'] & object).volumeClaimTemplates ?? []
    const template = structuredClone(spec!.template)
    const volumes = [
      ...(template.spec!.volumes ?? []),
      ...claims.map(claim => ({
        name: claim.metadata!.name!,
        persistentVolumeClaim: { claimName: `${claim.metadata!.name}-pulltrace-server-0` },
      })),
    ]
    const { namespace } = metadata!
    return asker.ask('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldValidation=Strict`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, generateName: 'try-', namespace },
      spec: { ...template.spec, volumes },
    })
  }

  for (const user of [
    'ns-admin',
    'ns-edit',
    'ns-view',
    'watcher',
    'all-view',
    account('pulltrace-agent', agents),
    account('pulltrace-server'),
    account('pulltrace-reader'),
    account('default'),
    account('default', agents),
  ]) {
    it(`gives ${user} no way to an image of their choice`, async () => {
      const allowed = []
      for (const way of waysToAnImage) if (await may(user, way)) allowed.push(asText(way))
      assert.deepEqual(allowed, [])
    })
  }

  const configs = { group: 'pulltrace.dev', resource: 'pulltraceconfigs' }
  const everySecret = { resource: 'secrets', namespace: system }
  for (const { user, can, cannot } of [
    {
      user: 'watcher',
      can: [
        { verb: 'list', resource: 'pods', namespace: system },
        ...['get', 'create'].map(verb => ({
          verb,
          resource: 'pods',
          subresource: 'portforward',
          namespace: system,
          name: 'pulltrace-server-0',
        })),
        { verb: 'get', ...everySecret, name: 'pulltrace-reader' },
        {
          verb: 'create',
          resource: 'serviceaccounts',
          subresource: 'token',
          namespace: system,
          name: 'pulltrace-reader',
        },
        { verb: 'get', resource: 'configmaps', namespace: agents, name: 'pulltrace-server-ca' },
      ],
      cannot: [
        { verb: 'get', ...everySecret, name: 'pulltrace-server-tls' },
        { verb: 'list', ...everySecret },
        { verb: 'list', resource: 'pods', namespace: agents },
        { verb: 'get', ...configs },
      ],
    },
    {
      user: 'all-view',
      can: ['get', 'list', 'watch'].map(verb => ({ verb, ...configs })),
      cannot: [{ verb: 'get', ...everySecret, name: 'pulltrace-reader' }],
    },
    {
      user: account('pulltrace-reader'),
      can: [{ verb: 'get', ...configs }],
      cannot: [
        { verb: 'list', ...configs },
        { verb: 'list', resource: 'pods' },
      ],
    },
    {
      user: account('pulltrace-agent', agents),
      can: [],
      cannot: [
        { verb: 'list', resource: 'pods', namespace: agents },
        { verb: 'get', ...configs },
        { verb: 'list', resource: 'nodes' },
      ],
    },
    {
      user: account('pulltrace-operator'),
      can: [{ verb: 'watch', ...everySecret, name: 'pulltrace-reader' }],
      cannot: [
        { verb: 'list', ...everySecret },
        { verb: 'watch', ...everySecret },
        { verb: 'patch', ...everySecret, name: 'other' },
        { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'other' },
        { verb: 'create', resource: 'pods', namespace: agents },
        { verb: 'patch', group: 'apps', resource: 'daemonsets', namespace: agents, name: 'other' },
        { verb: 'patch', group: 'apps', resource: 'daemonsets', namespace: 'kube-system', name: 'kube-proxy' },
        { verb: 'patch', ...configs },
        { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'roles', namespace: agents },
      ],
    },
    {
      user: account('pulltrace-server'),
      can: [
        { verb: 'watch', resource: 'pods' },
        { verb: 'watch', resource: 'configmaps', namespace: system, name: 'pulltrace-settings' },
      ],
      cannot: [
        { verb: 'get', ...everySecret, name: 'pulltrace-reader' },
        { verb: 'delete', resource: 'pods', namespace: 'shop' },
        { verb: 'watch', resource: 'configmaps', namespace: system },
      ],
    },
  ] satisfies { user: string; can: Attributes[]; cannot: Attributes[] }[]) {
    it(`lets ${user} do what it must, and no more`, async () => {
      for (const attributes of can) assert.equal(await may(user, attributes), true, asText(attributes))
      for (const attributes of cannot) assert.equal(await may(user, attributes), false, asText(attributes))
    })
  }

  it('is removed by the file that brought it', async () => {
    await kubectl(['delete', '--filename=config/install.yaml', '--wait=true', '--timeout=60s'])
    const left = await kubectl([
      'get',
      'clusterroles,clusterrolebindings,crds',
      '-l=app.kubernetes.io/part-of=pulltrace',
    ])
    assert.equal(left.stdout, '')
  })
})
