import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { serverPod } from '../../cli/kube/cluster.fake.ts'
import { openForwardServer } from '../../core/kube/port-forward.fake.ts'
import {
  goodPull,
  goodReport,
  post,
  type RunningServer,
  startServer,
} from '../../server/pulltrace/start-server.fake.ts'
import { type Authority, createAuthority } from '../cluster/certificates.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { findKubeProgram } from '../cluster/kube-program.ts'
import { runPlugin } from '../cluster/run-plugin.ts'

const system = 'pulltrace-system'
const readerToken = 'of-the-secret'
const agentToken = 'of-agents'

/**
 * The real API server, its roles and its tunnel, with the roles that are shipped. Only the node is a stand-in: the
 * API server finds in it, as in a kubelet, the port of a real pulltrace-server.
 */
describe('kubectl pulltrace on a real API server', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  let dir: string
  let authority: Authority
  let kubelet: Awaited<ReturnType<typeof openForwardServer>>
  const ports = new Map<number, number>()
  const servers: RunningServer[] = []
  let certified: string

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    dir = await mkdtemp(path.join(tmpdir(), 'pulltrace-kubectl-'))
    authority = await createAuthority(dir)
    const { keyFile, certificateFile } = await authority.serve('kubelet', { names: [], addresses: ['127.0.0.1'] })
    const tls = { key: await readFile(keyFile, 'utf8'), cert: await readFile(certificateFile, 'utf8') }
    kubelet = await openForwardServer(ports, { tls })
    plane = await startControlPlane({ users: [{ name: 'vera', groups: ['viewers'] }, { name: 'nobody' }] })
    certified = await plane.addUser('cora', ['viewers'])

    await kubectl(['apply', '--filename=config/install.yaml'])
    await kubectl([
      'create',
      'rolebinding',
      'viewers',
      `--namespace=${system}`,
      '--role=pulltrace-viewer',
      '--group=viewers',
    ])
    // All but the tunnel, for what is refused there.
    await kubectl(['create', 'role', 'sees', `--namespace=${system}`, '--verb=get,list', '--resource=pods,secrets'])
    await kubectl(['create', 'namespace', 'shop'])
    await kubectl(['create', 'role', 'sees', '--namespace=shop', '--verb=get,list', '--resource=pods,events'])
    await kubectl(['create', 'rolebinding', 'viewers', '--namespace=shop', '--role=sees', '--group=viewers'])
    await put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } })
    await setStatus('node/node-1', {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
    })
    const secret = { metadata: { name: 'pulltrace-reader', namespace: system }, stringData: { token: readerToken } }
    await put({ apiVersion: 'v1', kind: 'Secret', ...secret })
  })
  after(async () => {
    await Promise.all(servers.map(server => server.stop()))
    await plane?.stop()
    await kubelet?.close()
    await rm(dir, { recursive: true, force: true })
  })

  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input)
    assert.equal(code, 0, stderr)
    return stdout.trim()
  }
  const put = (object: object) => kubectl(['apply', '--filename=-'], JSON.stringify(object))
  const setStatus = (object: string, status: object, namespace = system) =>
    kubectl([
      'patch',
      object,
      `--namespace=${namespace}`,
      '--subresource=status',
      '--patch',
      JSON.stringify({ status }),
    ])

  /** A real server, and the pod in which it runs as far as the cluster knows. */
  async function serve(env: Record<string, string>, inPod: Record<string, string>): Promise<RunningServer> {
    const server = await startServer(env)
    servers.push(server)
    ports.set(8080, Number(new URL(server.url).port))
    const pod = serverPod(inPod)
    await kubectl([
      'delete',
      'pod',
      pod.metadata!.name!,
      `--namespace=${system}`,
      '--ignore-not-found',
      '--grace-period=0',
      '--force',
    ])
    const restricted = {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      seccompProfile: { type: 'RuntimeDefault' },
      capabilities: { drop: ['ALL'] },
    }
    const containers = pod.spec!.containers.map(each => ({ ...each, image: 'pulltrace', securityContext: restricted }))
    const spec = { nodeName: 'node-1', serviceAccountName: 'pulltrace-server', containers }
    await put({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata, spec })
    await setStatus(`pod/${pod.metadata!.name}`, pod.status!)
    return server
  }
  const withToken = (env: Record<string, string> = {}) =>
    serve(
      {
        PULLTRACE_READER_AUTH: 'token',
        PULLTRACE_READER_TOKEN: readerToken,
        PULLTRACE_AGENT_TOKEN: agentToken,
        ...env,
      },
      { PULLTRACE_READER_AUTH: 'token', ...env },
    )
  const report = ({ url }: RunningServer, seq: number, changes = {}) =>
    post(`${url}/api/v1/report`, goodReport(seq, changes), { authorization: `Bearer ${agentToken}` })

  const run = (argv: readonly string[], kubeconfig: string, seen?: (out: string, err: string) => boolean) =>
    runPlugin(argv, { kubeconfig, limitMs: 100_000 }, seen)

  it('reads with the token of the Secret, as a user with a token and as one with a certificate', async () => {
    await withToken()
    for (const kubeconfig of [plane.kubeconfig('vera'), certified]) {
      assert.deepEqual(await run(['history', '-A'], kubeconfig), { code: 0, out: 'No pulls match.\n', err: '' })
    }
  })

  it('streams through the API server, and comes back after it was away', async () => {
    const server = await withToken()
    assert.equal((await report(server, 1)).status, 200)
    let step = 0
    const { code, out, err } = await run(['watch', '-A', '-o', 'json'], plane.kubeconfig('vera'), (out, err) => {
      const steps = [
        () => out.includes('"phase":"downloading"') && void plane.killApiServer(),
        () =>
          err.includes('connection lost') &&
          void plane.restartApiServer().then(() => report(server, 2, { pulls: [goodPull({ phase: 'unpacking' })] })),
      ]
      if (step < steps.length && steps[step]!() !== false) step++
      return out.includes('"phase":"unpacking"')
    })
    assert.equal(code, 0, err)
    assert.match(err, /^pulltrace: connection lost: .*; trying again\n/)
    assert.equal(new Set(out.trim().split('\n')).size, out.trim().split('\n').length, out)
  })

  it('is refused where nobody bound the role, and says what is missing', async () => {
    await withToken()
    const { code, err } = await run(['history', '-A'], plane.kubeconfig('nobody'))
    assert.equal(code, 4)
    assert.match(err, /User "nobody" cannot list resource "pods" in API group "" in the namespace "pulltrace-system"/)
    assert.match(err, /Role pulltrace-viewer grants it/)
  })

  for (const verb of ['get', 'create']) {
    it(`needs \`${verb}\` for its tunnel`, async () => {
      await withToken()
      await kubectl(['create', 'rolebinding', 'sees', `--namespace=${system}`, '--role=sees', '--user=nobody'])
      const granted = `--verb=${verb === 'get' ? 'create' : 'get'}`
      await kubectl(['create', 'role', `no-${verb}`, `--namespace=${system}`, granted, '--resource=pods/portforward'])
      await kubectl([
        'create',
        'rolebinding',
        `no-${verb}`,
        `--namespace=${system}`,
        `--role=no-${verb}`,
        '--user=nobody',
      ])
      const { code, err } = await run(['history', '-A'], plane.kubeconfig('nobody'))
      assert.equal(code, 4)
      assert.match(
        err,
        /refuses: pods "pulltrace-server-0" is forbidden.*\n {2}a tunnel needs `get` and `create` on pods\/portforward; Role pulltrace-viewer grants it/,
      )
      await kubectl(['delete', 'rolebinding', 'sees', `no-${verb}`, `--namespace=${system}`])
    })
  }

  it('reads as who one is, where the server asks the cluster who reads', async () => {
    const kubeconfig = await plane.addServiceAccount(system, 'pulltrace-server')
    await serve(
      { PULLTRACE_READER_AUTH: 'kubernetes', PULLTRACE_KUBECONFIG: kubeconfig },
      { PULLTRACE_READER_AUTH: 'kubernetes' },
    )
    const refused = await run(['history', '-A'], plane.kubeconfig('vera'))
    assert.equal(refused.code, 4)
    assert.match(refused.err, /'vera' may not `get` pulltraceconfigs.pulltrace.dev\n {2}an administrator can grant it/)

    // A certificate cannot be handed on: the role lets its holder ask for a token of pulltrace-reader.
    assert.deepEqual(await run(['history', '-A'], certified), { code: 0, out: 'No pulls match.\n', err: '' })
    const tokens = (await plane.auditEvents()).filter(({ objectRef }) => objectRef?.subresource === 'token')
    assert.deepEqual(
      tokens.filter(({ user }) => user.username === 'cora').map(({ objectRef }) => objectRef?.name),
      ['pulltrace-reader'],
    )
  })

  it('verifies a server with TLS by the certificate that its agents trust', async () => {
    const host = `pulltrace-server.${system}.svc`
    const { keyFile, certificateFile } = await authority.serve('server', { names: [host], addresses: [] })
    await withToken({ PULLTRACE_TLS_CERT_FILE: certificateFile, PULLTRACE_TLS_KEY_FILE: keyFile })
    const refused = await run(['history', '-A'], plane.kubeconfig('vera'))
    assert.equal(refused.code, 3)
    assert.match(
      refused.err,
      /its certificate comes from an issuer that is not trusted\n {2}give the certificate of its issuer: --ca-file/,
    )

    const data = { 'ca.crt': await readFile(authority.certificateFile, 'utf8') }
    await put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'pulltrace-server-ca', namespace: 'pulltrace-agents' },
      data,
    })
    await kubectl([
      'create',
      'rolebinding',
      'viewers',
      '--namespace=pulltrace-agents',
      '--role=pulltrace-viewer',
      '--group=viewers',
    ])
    assert.deepEqual(await run(['history', '-A'], plane.kubeconfig('vera')), {
      code: 0,
      out: 'No pulls match.\n',
      err: '',
    })
  })

  it('says what a pod waits for, from the API and from the server', async () => {
    const server = await withToken()
    const image = 'registry.example.com/team/app:v1'
    const spec = { nodeName: 'node-1', serviceAccountName: 'cook', containers: [{ name: 'app', image }] }
    await put({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'cook', namespace: 'shop' },
      automountServiceAccountToken: false,
    })
    await put({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop' }, spec })
    const waiting = {
      name: 'app',
      ready: false,
      restartCount: 0,
      image,
      imageID: '',
      state: { waiting: { reason: 'ContainerCreating' } },
    }
    await setStatus('pod/web', { phase: 'Pending', containerStatuses: [waiting] }, 'shop')
    const uid = await kubectl(['get', 'pod', 'web', '--namespace=shop', '-o=jsonpath={.metadata.uid}'])
    const about = { kind: 'Pod', namespace: 'shop', name: 'web', uid, fieldPath: 'spec.containers{app}' }
    const event = {
      reason: 'Pulling',
      type: 'Normal',
      message: `Pulling image "${image}"`,
      lastTimestamp: new Date().toISOString(),
    }
    await put({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'shop' },
      involvedObject: about,
      ...event,
    })

    const layers = [{ digest: `sha256:${'a'.repeat(64)}`, totalBytes: 1000, downloadedBytes: 250, totalKnown: true }]
    const pull = { imageRef: image, startedAt: new Date().toISOString(), totalKnown: true, layers }
    const older = { nodeName: 'node-1', agent: undefined, pulls: [pull] }
    assert.equal((await report(server, 1, older)).status, 200)
    const { code, out, err } = await run(['why', 'web', '-n', 'shop'], plane.kubeconfig('vera'))
    assert.equal(code, 0, err)
    assert.match(
      out,
      /^Pod shop\/web on node-1 waits for the image of container app, registry.example.com\/team\/app:v1: 250 of 1000 B are here \(25%\)/,
    )
  })

  it('is a plugin of the real kubectl', async () => {
    await withToken()
    const [program, ...first] = await findKubeProgram('kubectl')
    const env = { ...process.env, PATH: `${path.resolve('bin')}:${process.env['PATH']}`, KUBECONFIG: certified }
    const { stdout } = await promisify(execFile)(program, [...first, 'pulltrace', 'history', '-A'], { env })
    assert.equal(stdout, 'No pulls match.\n')
  })

  it('uses every rule of the role that is shipped', async () => {
    const stdout = await kubectl(['get', 'role', 'pulltrace-viewer', `--namespace=${system}`, '-o=json'])
    const { rules } = JSON.parse(stdout) as { rules: { resources: string[]; verbs: string[] }[] }
    const granted = rules.flatMap(({ resources, verbs }) => resources.flatMap(of => verbs.map(verb => `${verb} ${of}`)))
    const used = new Set(
      (await plane.auditEvents())
        .filter(({ user, objectRef }) => user.groups?.includes('viewers') && objectRef?.namespace === system)
        .map(({ verb, objectRef: of }) => `${verb} ${of!.resource}${of!.subresource ? `/${of!.subresource}` : ''}`),
    )
    // The tunnel is asked for once, with `get`; that `create` is looked for too is seen above, and in no log.
    assert.deepEqual(
      granted.filter(rule => !used.has(rule)),
      ['create pods/portforward'],
    )
  })
})
