import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Child, makeRigDir, removeRigDir, startChild, waitUntil } from '../rig/child.ts'
import { freePorts } from '../rig/ports.ts'
import { apiServerArgs, auditLogOf, isReady, writeApiServerFiles } from './api-server.ts'
import { type AuditEvent, readAudit } from './audit.ts'
import { createAuthority, createSigningKey } from './certificates.ts'
import { compactEtcd, startEtcd } from './etcd.ts'
import { findKubeProgram } from './kube-program.ts'
import { Users } from './users.ts'

export interface User {
  readonly name: string
  readonly groups?: readonly string[]
}

export interface ControlPlaneOptions {
  /** Garbage collection, DaemonSets, StatefulSets, namespaces' end, default ServiceAccounts. Off by default. */
  readonly controllerManager?: boolean
  /** Binds pods to nodes. Off by default. */
  readonly scheduler?: boolean
  /** Marks nodes whose kubelet is silent. Off by default: Nodes that a test declares have none. */
  readonly nodeLifecycle?: boolean
  /** With a bearer token each. More, with client certificates, by addUser. */
  readonly users?: readonly User[]
  /** Where the API server listens, and is known to the cluster's pods. Default 127.0.0.1. */
  readonly address?: string
  readonly apiServerArgs?: readonly string[]
}

export interface KubectlResult {
  readonly stdout: string
  readonly stderr: string
  /** 0 when it did what was asked. */
  readonly code: number
}

/** A real etcd and kube-apiserver of its own, with RBAC and an audit log, that needs no root. */
export interface ControlPlane {
  readonly dir: string
  readonly url: string
  readonly etcdUrl: string
  /** PEM file of the authority that signed the API server's certificate. */
  readonly authorityFile: string
  /** File for this user: `admin` (default), or one of `users` or addUser. Its token is at `tokenOf`. */
  kubeconfig(user?: string): string
  tokenOf(user: string): string
  /** A user with a client certificate; resolves with the kubeconfig file. */
  addUser(name: string, groups?: readonly string[]): Promise<string>
  /** A kubeconfig file with a token of this ServiceAccount, which must be there. */
  addServiceAccount(namespace: string, name: string): Promise<string>
  /** Never rejects for what kubectl itself says: look at `code`. */
  kubectl(args: readonly string[], input?: string, user?: string): Promise<KubectlResult>
  /** Ends the API server at once, as a crash does. */
  killApiServer(): Promise<void>
  /** Ends and starts it, or only starts it after killApiServer; the port stays. `args` replace apiServerArgs. */
  restartApiServer(args?: readonly string[]): Promise<void>
  /** Forgets every older revision. A watch from one of them gets 410 once the API server, which keeps some, restarts. */
  compactEtcd(): Promise<void>
  /** Everything the API server answered since it first started. */
  auditEvents(): Promise<AuditEvent[]>
  /** Logs of all its programs, for a failing test. */
  logs(): string
  /** Of every program of it that runs now. */
  pids(): number[]
  stop(): Promise<void>
}

const serviceIp = '10.96.0.1'
/** By default they ask 20 or 50 times a second at most, as on a cluster that others use, too. */
const controllerArgs = ['--leader-elect=false', '--secure-port=0', '--kube-api-qps=500', '--kube-api-burst=1000']

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { address = '127.0.0.1' } = options
  const dir = await makeRigDir('kube')
  await using started = new AsyncDisposableStack()
  started.defer(() => removeRigDir(dir))
  const file = (name: string) => path.join(dir, name)
  const [port] = (await freePorts(1, address)) as [number]
  const url = `https://${address}:${port}`

  await mkdir(file('certs'))
  const authority = await createAuthority(file('certs'))
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']
  const [etcd, serving, signing] = await Promise.all([
    startEtcd(dir),
    authority.serve('kube-apiserver', { names: ['localhost', ...names], addresses: [address, '127.0.0.1', serviceIp] }),
    createSigningKey(file('certs')),
  ])
  started.defer(() => etcd.child.end('SIGKILL'))

  const users = new Users(dir, url, authority)
  const withToken = [
    { name: 'admin', groups: ['system:masters'] },
    { name: 'system:kube-scheduler' },
    ...(options.users ?? []),
  ]
  for (const { name } of withToken) await users.addToken(name)
  await writeApiServerFiles(
    dir,
    withToken.map(user => ({ ...user, token: users.tokenOf(user.name) })),
  )
  const ca = await readFile(authority.certificateFile)
  const ready = () => isReady(url, ca, users.tokenOf('admin'))
  const run = async (name: Parameters<typeof findKubeProgram>[0], args: readonly string[]) => {
    const [program, ...first] = await findKubeProgram(name)
    return startChild(program, [...first, ...args], file(`${name}.log`), { ...process.env, TMPDIR: dir })
  }
  const startApiServer = async (more: readonly string[]): Promise<Child> => {
    const child = await run('kube-apiserver', [
      ...apiServerArgs({ dir, address, port, etcdUrl: etcd.url, authority, serving, signing }),
      ...more,
    ])
    await waitUntil(child, ready, 60_000)
    return child
  }

  let apiServer = await startApiServer(options.apiServerArgs ?? [])
  started.defer(() => apiServer.end('SIGKILL'))

  const kubectl: ControlPlane['kubectl'] = async (args, input, user = 'admin') => {
    const [program, ...first] = await findKubeProgram('kubectl')
    const env = { ...process.env, HOME: dir, KUBECONFIG: users.kubeconfig(user) }
    return new Promise(resolve => {
      // Above every --timeout that it is given, which says more when it passes.
      const limits = { env, maxBuffer: 2 ** 26, timeout: 170_000 }
      const child = execFile(program, [...first, ...args], limits, (error, stdout, stderr) =>
        resolve({ stdout, stderr, code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1 }),
      )
      child.stdin!.on('error', () => {}) // It may end before it has read everything, and says why.
      child.stdin!.end(input)
    })
  }
  const others: Child[] = []
  const children = () => [etcd.child, apiServer, ...others]
  if (options.controllerManager) {
    const child = await run('kube-controller-manager', [
      `--kubeconfig=${users.kubeconfig('admin')}`,
      `--service-account-private-key-file=${signing.keyFile}`,
      `--root-ca-file=${authority.certificateFile}`,
      `--controllers=*${options.nodeLifecycle ? '' : ',-node-lifecycle-controller'}`,
      ...controllerArgs,
    ])
    others.push(child)
    started.defer(() => child.end('SIGKILL'))
    const account = () => kubectl(['get', 'serviceaccount', 'default', '--namespace=default'])
    await waitUntil(child, async () => ((await account()).code === 0 ? true : undefined), 60_000)
  }
  if (options.scheduler) {
    const config = `--kubeconfig=${users.kubeconfig('system:kube-scheduler')}`
    const child = await run('kube-scheduler', [config, ...controllerArgs])
    others.push(child)
    started.defer(() => child.end('SIGKILL'))
  }

  const running = started.move()
  return {
    dir,
    url,
    etcdUrl: etcd.url,
    authorityFile: authority.certificateFile,
    kubeconfig: (user = 'admin') => users.kubeconfig(user),
    tokenOf: user => users.tokenOf(user),
    addUser: (name, groups = []) => users.addCertificate(name, groups),
    async addServiceAccount(namespace, name) {
      const { stdout, stderr, code } = await kubectl(['create', 'token', name, `--namespace=${namespace}`])
      if (code !== 0) throw new Error(`no token for ServiceAccount '${namespace}/${name}': ${stderr.trim()}`)
      return users.addToken(`system:serviceaccount:${namespace}:${name}`, stdout.trim())
    },
    kubectl,
    killApiServer: () => apiServer.end('SIGKILL'),
    async restartApiServer(args = options.apiServerArgs ?? []) {
      // Left alone it waits up to a minute for watches that are open.
      await apiServer.end('SIGTERM', 1_000)
      apiServer = await startApiServer(args)
    },
    compactEtcd: () => compactEtcd(etcd.url),
    auditEvents: () => readAudit(auditLogOf(dir)),
    logs: () =>
      children()
        .map(child => child.log())
        .join('\n'),
    pids: () => children().map(child => child.pid),
    stop: () => running.disposeAsync(),
  }
}
