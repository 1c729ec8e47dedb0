import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildImage, defaultRef } from '../../build/image/build-image.ts'
import { openLayerCache } from '../../build/image/cache.ts'
import { writeArchive } from '../../build/oci/archive.ts'
import type { NodeList } from '../../core/contract/api.ts'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { eventually } from '../eventually.ts'
import { architecture, type BuiltImage } from '../rig/images.ts'
import { type EventRecorder, recordEvents } from '../scenarios/event-recorder.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { openTunnel, type Tunnel } from './tunnel.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const system = 'pulltrace-system'
export const agents = 'pulltrace-agents'

/** A cluster on which somebody has just typed what docs/install.md says, with the image of `make image`. */
export interface Story {
  readonly cluster: Cluster
  /** Must succeed. */
  kubectl(...args: readonly string[]): Promise<string>
  /** The same, with a text on its standard input. */
  feed(input: string, ...args: readonly string[]): Promise<string>
  apply(objects: object): Promise<void>
  /** A Deployment of one pod; resolves with the pod's name. */
  deploy(name: string, image: string): Promise<string>
  /** Everything of the agents that must stay as it is when only an interval changes. */
  agentState(): Promise<string>
  /** `kubectl pulltrace ...`, with the kubeconfig and nothing else. */
  pulltrace(...args: readonly string[]): Promise<string>
  /** Opens the way to the server and its stream; the server must be there. */
  look(): Promise<void>
  get<T>(path: string): Promise<T>
  readonly events: readonly PullEvent[]
  /** Resolves with the first event, also of those that came before, for which `fits` is true. */
  event(what: string, fits: (event: PullEvent) => boolean, limitMs?: number): Promise<PullEvent>
  /** Milliseconds between the arrivals of so many reports of the only node, by the server's clock. */
  gaps(count: number): Promise<number[]>
  /** When the only node's first report at an interval arrived, by the server's clock: the one after it was told of it. */
  firstReportAt(intervalMs: number): Promise<number>
  stop(): Promise<void>
}

export async function openStory(): Promise<Story> {
  await using started = new AsyncDisposableStack()
  const [cluster, image] = await Promise.all([
    startCluster(),
    buildImage(architecture as 'amd64' | 'arm64', openLayerCache()),
  ])
  started.defer(() => cluster.stop())
  const archive = path.join(cluster.plane.dir, 'pulltrace.tar')
  await writeArchive(archive, defaultRef, [image])
  await cluster.importImage(archive)

  const ask = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await cluster.kubectl(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim()}`)
    return stdout
  }
  const apply = async (objects: object) => void (await ask(['apply', '-f', '-'], JSON.stringify(objects)))
  const changes = new EventEmitter().setMaxListeners(0)
  let recorder: EventRecorder | undefined
  let tunnel: Tunnel | undefined
  let token = ''
  started.defer(async () => {
    recorder?.stop()
    await tunnel?.stop()
  })
  const eventsOf = () => (recorder?.events ?? []).flatMap(({ event }) => event ?? [])
  const get = async <T>(what: string): Promise<T> => {
    const response = await fetch(`${tunnel!.url}${what}`, { headers: { authorization: `Bearer ${token}` } })
    if (!response.ok) throw new Error(`${what} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as T
  }

  const running = started.move()
  return {
    cluster,
    get,
    kubectl: (...args) => ask(args),
    feed: (input, ...args) => ask(args, input),
    apply,
    async deploy(name, image) {
      await apply(deployment(name, image))
      const pods = () => ask(['get', 'pods', `-l=app=${name}`, '-o=jsonpath={.items[*].metadata.name}'])
      return eventually(`a pod of ${name}`, async () => (await pods()) || undefined)
    },
    async agentState() {
      const pod = '{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{end}'
      const pods = await ask(['get', 'pods', `-n=${agents}`, `-o=jsonpath=${pod}`])
      const set = '-o=jsonpath={.metadata.uid} {.metadata.generation}'
      return `${pods} ${await ask(['get', 'daemonset', 'pulltrace-agent', `-n=${agents}`, set])}`
    },
    pulltrace: (...args) => runPulltrace(args, cluster.plane.kubeconfig()),
    async look() {
      const encoded = await ask(['get', 'secret', 'pulltrace-reader', `-n=${system}`, '-o=jsonpath={.data.token}'])
      token = Buffer.from(encoded, 'base64').toString()
      tunnel = await openTunnel(cluster.plane, system, 'pulltrace-server', 8080)
      recorder = recordEvents(`${tunnel.url}/api/v1/events?layers=true`, changes, `Bearer ${token}`)
    },
    get events() {
      return eventsOf()
    },
    async event(what, fits, limitMs = 60_000) {
      const signal = AbortSignal.timeout(limitMs)
      for (;;) {
        const found = eventsOf().find(fits)
        if (found) return found
        await once(changes, 'change', { signal }).catch(() => {
          const seen = eventsOf()
            .slice(-12)
            .map(({ type, pull }) => `${type} ${pull.imageRef} ${pull.phase} ${pull.error ?? ''}`)
          throw new Error(`not within ${limitMs} ms: ${what}; the last events:\n${seen.join('\n')}`)
        })
      }
    },
    async gaps(count) {
      const arrivals: number[] = []
      const end = performance.now() + 120_000
      while (arrivals.length <= count) {
        // While the server is away there is nothing to see; what comes after it counts.
        const { items } = await get<NodeList>('/api/v1/nodes').catch((): NodeList => ({ items: [], nextCursor: null }))
        const at = items[0] ? Date.parse(items[0].lastReportAt) : undefined
        if (at !== undefined && at !== arrivals.at(-1)) arrivals.push(at)
        if (performance.now() > end) throw new Error(`only ${arrivals.length} reports within 120 s`)
        // Often enough to miss none, and seldom enough not to be what the machine is busy with.
        await delay(100)
      }
      return arrivals.slice(1).map((at, i) => at - arrivals[i]!)
    },
    async firstReportAt(intervalMs) {
      let toldAt: string | undefined
      return eventually(`a report at ${intervalMs} ms`, async () => {
        const { items } = await get<NodeList>('/api/v1/nodes')
        if (items[0]?.reportIntervalMs !== intervalMs) return
        toldAt ??= items[0].lastReportAt
        return items[0].lastReportAt === toldAt ? undefined : Date.parse(items[0].lastReportAt)
      })
    },
    stop: () => running.disposeAsync(),
  }
}

function runPulltrace(args: readonly string[], kubeconfig: string): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: path.dirname(kubeconfig), KUBECONFIG: kubeconfig }
  return new Promise((resolve, reject) => {
    execFile(path.join(root, 'bin/kubectl-pulltrace'), args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`kubectl pulltrace ${args.join(' ')}: ${stderr || error}\n${stdout}`))
      else resolve(stdout)
    })
  })
}

/** A Deployment of one pod. Its image is random bytes, so it never runs: the pull is what matters. */
const deployment = (name: string, image: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, command: ['/none'] }] },
    },
  },
})

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Each layer of the image as it was made, by its digest. */
export const sizesOf = (image: BuiltImage) => new Map(image.layers.map(({ digest, size }) => [digest, size]))

export const podOf = (pull: Pull) => pull.pods?.[0]
