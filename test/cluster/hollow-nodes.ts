import { readFile } from 'node:fs/promises'
import https from 'node:https'
import { type KubeApi, openKubeApi } from '../../core/kube/kube-api.ts'
import type { V1Node, V1Pod } from '../../core/kube/objects.ts'
import { Reflector } from '../../core/kube/reflector.ts'
import { nodes, pods } from '../../core/kube/resources.ts'
import { WorkQueue } from '../../core/kube/work-queue.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import type { ControlPlane } from './control-plane.ts'

/** Nodes without a machine: their pods become ready at once, and go when they are told. */
export interface HollowNodes {
  readonly names: readonly string[]
  /** The nodes stay; their pods stay as they are. */
  stop(): Promise<void>
}

const fieldManager = 'hollow-kubelet'
const workers = 16

/** For counts of nodes that no machine of ours holds. Needs a control plane with a scheduler. */
export async function startHollowNodes(plane: ControlPlane, count: number, prefix = 'hollow'): Promise<HollowNodes> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
  const known = new Set(names)
  await using started = new AsyncDisposableStack()
  const api = await openKubeApi({ kubeconfigFile: plane.kubeconfig(), userAgent: fieldManager })
  started.defer(() => api.close())
  const bury = await openBury(plane)
  const stopped = new AbortController()
  const { signal } = stopped
  const queue = new WorkQueue({ failed: (key, error) => console.error(`hollow node, pod ${key}: ${error}`) })
  const reflector = new Reflector<V1Pod, PodState>({
    api,
    resource: pods,
    keep: pod => (known.has(pod.spec?.nodeName ?? '') ? stateOf(pod) : undefined),
    changed: key => queue.add(key),
    clock: systemClock,
    log: silentLogger,
  })
  const running = Promise.all([
    reflector.run(signal),
    queue.run(key => act(api, bury, key, reflector.get(key)), { workers, signal }),
  ])
  started.defer(async () => {
    stopped.abort()
    await running
  })
  await reflector.whenSynced(AbortSignal.timeout(30_000))
  const left = [...names]
  const declare = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) await declareNode(api, name)
  }
  await Promise.all(Array.from({ length: workers }, declare))
  const held = started.move()
  return { names, stop: () => held.disposeAsync() }
}

interface PodState {
  readonly uid: string
  readonly containers: readonly { readonly name: string; readonly image: string }[]
  readonly ready: boolean
  /** It has been told to go. */
  readonly leaving: boolean
}

const stateOf = ({ metadata, spec, status }: V1Pod): PodState => ({
  uid: metadata?.uid ?? '',
  containers: (spec?.containers ?? []).map(({ name, image = '' }) => ({ name, image })),
  ready: status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
  leaving: metadata?.deletionTimestamp !== undefined,
})

/** As a kubelet whose node has every image and starts everything at once. */
async function act(api: KubeApi, bury: Bury, key: string, pod: PodState | undefined): Promise<void> {
  if (!pod || (pod.ready && !pod.leaving)) return
  const [namespace, name] = key.split('/') as [string, string]
  if (pod.leaving) return bury(namespace, name, pod.uid)
  const metadata = { namespace, name, uid: pod.uid }
  const object = { apiVersion: 'v1', kind: 'Pod', metadata, status: readyStatus(pod) }
  await api.apply(pods, object as V1Pod, { fieldManager, force: true, subresource: 'status' })
}

type Bury = (namespace: string, name: string, uid: string) => Promise<void>

/** The kubelet's last word on a pod: it has ended, and goes at once. The product has no call for it. */
async function openBury(plane: ControlPlane): Promise<Bury> {
  const agent = new https.Agent({ ca: await readFile(plane.authorityFile), keepAlive: true, maxSockets: workers })
  const authorization = `Bearer ${plane.tokenOf('admin')}`
  return (namespace, name, uid) => {
    const body = JSON.stringify({ gracePeriodSeconds: 0, preconditions: { uid } })
    // Node sends the body of a DELETE without saying how long it is.
    const headers = { authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const url = `${plane.url}/api/v1/namespaces/${namespace}/pods/${name}`
    return new Promise((resolve, reject) => {
      const request = https.request(url, { method: 'DELETE', agent, headers }, answer => {
        answer.resume()
        const { statusCode = 0 } = answer
        // Gone already, or another pod of the same name.
        if (statusCode < 300 || statusCode === 404 || statusCode === 409) resolve()
        else reject(new Error(`DELETE ${url} must answer 200, got ${statusCode}`))
      })
      request.once('error', reject)
      request.end(body)
    })
  }
}

const condition = (type: string, status: string) => ({ type, status, reason: 'Hollow', message: 'no machine' })

const readyStatus = ({ containers }: PodState) => ({
  phase: 'Running',
  conditions: ['Initialized', 'PodReadyToStartContainers', 'ContainersReady', 'Ready'].map(type =>
    condition(type, 'True'),
  ),
  containerStatuses: containers.map(container => ({
    ...container,
    ready: true,
    started: true,
    restartCount: 0,
    imageID: container.image,
    state: { running: { startedAt: new Date().toISOString() } },
  })),
})

async function declareNode(api: KubeApi, name: string): Promise<void> {
  const resources = { cpu: '8', memory: '32Gi', pods: '250' }
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name } },
    status: { capacity: resources, allocatable: resources, conditions: [condition('Ready', 'True')] },
  }
  const { metadata, spec, ...rest } = await api.create(nodes, node as unknown as V1Node)
  // Every node begins with a taint, which the controller of nodes' lives would take off; here it may not run. Other
  // controllers write to new nodes, too: without a version this write does not mind.
  const { resourceVersion: _, ...own } = metadata ?? {}
  await api.replace(nodes, { ...rest, metadata: own, spec: { ...spec, taints: [] } })
}
