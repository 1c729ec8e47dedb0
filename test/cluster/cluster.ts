import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type BuiltImage, buildImage, type ImageSpec } from '../rig/images.ts'
import { type RegistryProxy, startProxy } from '../rig/proxy.ts'
import { pushImage } from '../rig/push.ts'
import { type Registry, startRegistry } from '../rig/registry.ts'
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts'
import { dnsUser, startDns } from './dns.ts'
import { type ClusterNode, startNode } from './node.ts'
import { volumeFolder, volumes } from './volumes.ts'

const run = promisify(execFile)

export interface ClusterOptions extends Pick<ControlPlaneOptions, 'apiServerArgs' | 'users'> {
  /** Default 1. */
  readonly nodes?: number
  /** PersistentVolumes of node-1 that claims can bind to. Default 4. */
  readonly volumes?: number
}

/** A whole Kubernetes: control plane, nodes that run pods, DNS, volumes, and a registry behind the proxy that misbehaves. */
export interface Cluster {
  readonly plane: ControlPlane
  readonly nodes: readonly ClusterNode[]
  readonly kubectl: ControlPlane['kubectl']
  readonly registry: Registry
  readonly proxy: RegistryProxy
  /** Host of the proxy, as it stands in the image references of pods. */
  readonly registryHost: string
  /** Builds the image and puts it into the registry: pods name it `image.ref(cluster.registryHost)`. */
  push(spec: ImageSpec): Promise<BuiltImage>
  /** Imports an OCI archive on every node; for pods with `imagePullPolicy: Never` or `IfNotPresent`. */
  importImage(file: string): Promise<void>
  /** Logs of all its programs, for a failing test. */
  logs(): string
  stop(): Promise<void>
}

/** Needs root. Nothing outlives `stop`, or this process. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  if (process.getuid?.() !== 0) throw new Error('a node needs root for its namespaces; run as root')
  await using started = new AsyncDisposableStack()
  const count = options.nodes ?? 1
  const nodes = await Promise.all(Array.from({ length: count }, (_, i) => startNode(i + 1)))
  for (const node of nodes) started.defer(() => node.stop())
  await join(nodes)
  const first = nodes[0]!
  const address = first.machine.hostAddress

  const [plane, registry] = await Promise.all([
    startControlPlane({
      ...options,
      address,
      controllerManager: true,
      scheduler: true,
      nodeLifecycle: true,
      users: [
        ...nodes.map(({ name }) => ({ name: `system:node:${name}`, groups: ['system:nodes'] })),
        { name: 'system:kube-proxy' },
        { name: dnsUser },
        ...(options.users ?? []),
      ],
    }),
    startRegistry(),
  ])
  started.defer(() => plane.stop())
  started.defer(() => registry.stop())
  const proxy = await startProxy(registry.host, address)
  started.defer(() => proxy.stop())

  const folders = Array.from({ length: options.volumes ?? 4 }, (_, index) => volumeFolder(index))
  await first.machine.exec('mkdir', ['-p', ...folders])
  const ready = Promise.all([
    startDns(plane, address).then(dns => started.defer(() => dns.end('SIGKILL'))),
    ...nodes.flatMap(node => [node.allowPlainHttp(proxy.host), node.join(plane)]),
  ])
  const made = await plane.kubectl(['create', '-f', '-'], JSON.stringify(volumes(first.name, folders.length)))
  if (made.code !== 0) throw new Error(`the volumes were refused: ${made.stderr.trim()}`)
  await ready

  const running = started.move()
  return {
    plane,
    nodes,
    kubectl: plane.kubectl,
    registry,
    proxy,
    registryHost: proxy.host,
    async push(spec) {
      const image = await buildImage(spec)
      await pushImage(registry.host, image)
      return image
    },
    async importImage(file) {
      for (const node of nodes) await node.importImage(file)
    },
    logs: () => [plane.logs(), ...nodes.map(node => node.logs())].join('\n'),
    stop: () => running.disposeAsync(),
  }
}

/** A cable between each two nodes, and over it the way to the other and its pods. */
async function join(nodes: readonly ClusterNode[]): Promise<void> {
  let cables = 0
  for (const [i, a] of nodes.entries()) {
    for (const b of nodes.slice(i + 1)) {
      const ends = [a, b].map((node, end) => ({
        node,
        cable: `to-${[b, a][end]!.name}`,
        address: `198.19.${cables}.${end + 1}`,
      }))
      const [left, right] = ends.map(({ node, cable }) => ['name', cable, 'netns', String(node.machine.pid)]) as [
        string[],
        string[],
      ]
      await run('ip', ['link', 'add', ...left, 'type', 'veth', 'peer', ...right])
      for (const [end, { node, cable, address }] of ends.entries()) {
        const other = ends[1 - end]!
        const ip = (command: string) => node.machine.exec('ip', command.split(' '))
        await ip(`address add ${address}/30 dev ${cable}`)
        await ip(`link set ${cable} up`)
        await ip(`route add ${other.node.podRange} via ${other.address}`)
        await ip(`route add ${other.node.machine.address}/32 via ${other.address}`)
      }
      cables += 1
    }
  }
}
