import { EventEmitter, once } from 'node:events'
import type { AgentReport } from '../../core/contract/agent-report.ts'
import type { HistoryList, NodeList, NodeView, PullList } from '../../core/contract/api.ts'
import type { Pull } from '../../core/contract/pull.ts'
import { isTerminal } from '../../core/contract/words.ts'
import { type Program, type ServerProgram, startAgent, startServer } from '../rig/pulltrace.ts'
import type { Rig } from '../rig/rig.ts'
import { type EventRecorder, recordEvents } from './event-recorder.ts'
import { followResets } from './missed-ends.ts'
import { type Relay, startRelay } from './relay.ts'

/** containerd namespaces that scenarios pull into. */
export const namespaces = ['k8s.io', 'other']

/** One server and one agent, as processes, that look at the rig's containerd; everything they say is kept. */
export interface Watch {
  readonly nodeName: string
  readonly intervalMs: number
  readonly server: ServerProgram
  readonly agent: Program
  readonly relay: Relay
  readonly stream: EventRecorder
  /** Ids of pulls that were reported completed while no image record pointed to their digest. */
  readonly withoutRecord: ReadonlySet<string>
  /** Resolves when the condition holds; looks again after each report and event. False when `limitMs` passed. */
  holds(condition: () => boolean, limitMs: number): Promise<boolean>
  /** Waits until the server has taken three reports from now on: the third one's look began after this call. */
  tellsAll(): Promise<void>
  /** Waits until the server has taken a report from after `sinceMs` that says nothing of any pull. */
  atRest(sinceMs: number, limitMs: number): Promise<boolean>
  /** The newest state of each pull that was told since event number `from`, or `missed` since. */
  shown(from: number): ReadonlyMap<string, Pull>
  /**
   * Pulls that had ended when a new life of the server had the stream reset, since event number `from`: their ends
   * went by while nobody was connected, and the state after a reset has live pulls only. A client asks for them.
   */
  missed(from: number): readonly Pull[]
  /** What the server says of this node. */
  node(): Promise<NodeView>
  history(): Promise<readonly Pull[]>
  pulls(): Promise<readonly Pull[]>
  stop(): Promise<void>
}

export async function startWatch(rig: Rig, intervalMs: number): Promise<Watch> {
  await using started = new AsyncDisposableStack()
  const changes = new EventEmitter().setMaxListeners(0)
  const withoutRecord = new Set<string>()
  const seenCompleted = new Set<string>()
  const nodeName = `node-${intervalMs}`

  const server = await startServer({ reportIntervalMs: intervalMs })
  started.defer(() => server.stop())
  const onReport = async ({ pulls }: AgentReport) => {
    const news = pulls.filter(({ id, phase }) => phase === 'completed' && !seenCompleted.has(id))
    if (news.length === 0) return
    for (const { id } of news) seenCompleted.add(id)
    const targets = await targetsOf(rig)
    for (const { id, digest } of news) if (digest === undefined || !targets.has(digest)) withoutRecord.add(id)
  }
  const relay = await startRelay({ serverUrl: () => server.url, changes, onReport })
  started.defer(() => relay.stop())
  const stream = recordEvents(`${server.url}/api/v1/events?layers=true`, changes)
  started.defer(() => stream.stop())
  const all = async <T>(path: string, itemsOf: (answer: T) => { items: readonly Pull[]; next: string | null }) => {
    const items: Pull[] = []
    let cursor = ''
    for (;;) {
      const response = await fetch(`${server.url}${path}${cursor === '' ? '' : `&cursor=${cursor}`}`)
      if (!response.ok) throw new Error(`${path} must answer 200, got ${response.status}: ${await response.text()}`)
      const page = itemsOf((await response.json()) as T)
      items.push(...page.items)
      if (page.next === null) return items
      cursor = page.next
    }
  }
  const holds = async (condition: () => boolean, limitMs: number) => {
    const limit = AbortSignal.timeout(limitMs)
    while (!condition()) {
      if (limit.aborted) return false
      await once(changes, 'change', { signal: limit }).catch(() => {})
    }
    return true
  }
  const allPulls = () =>
    all<PullList>('/api/v1/pulls?state=all&layers=true&limit=500', page => ({
      items: page.pulls,
      next: page.nextCursor,
    }))
  const missed = followResets(stream, changes, allPulls)
  // Who connects later is told of what began before as state, and of what has ended not at all.
  if (!(await holds(missed.isSynced, 20_000))) throw new Error(`${server.url} must stream its state within 20 s`)
  const { socket } = rig.containerd
  const agent = await startAgent({ nodeName, serverUrl: relay.url, socket, reportIntervalMs: intervalMs })
  started.defer(() => agent.stop())

  const running = started.move()
  return {
    nodeName,
    intervalMs,
    server,
    agent,
    relay,
    stream,
    withoutRecord,
    holds,
    async tellsAll() {
      const from = relay.reports.length
      const taken = () => relay.reports.slice(from).filter(({ answered }) => answered).length >= 3
      if (!(await holds(taken, 20_000))) throw new Error(`${nodeName} must report three times within 20 s`)
    },
    atRest: (sinceMs, limitMs) =>
      holds(() => {
        const last = relay.reports.at(-1)
        return last?.answered === true && last.atMs > sinceMs && last.report.pulls.length === 0
      }, limitMs),
    shown(from) {
      const pulls = new Map<string, Pull>()
      for (const { event } of stream.events.slice(from)) if (event) pulls.set(event.pull.id, event.pull)
      for (const pull of missed.since(from)) if (!endedIn(pulls, pull)) pulls.set(pull.id, pull)
      return pulls
    },
    missed: missed.since,
    async node() {
      const response = await fetch(`${server.url}/api/v1/nodes`)
      const { items } = (await response.json()) as NodeList
      const node = items.find(item => item.nodeName === nodeName)
      if (!node) throw new Error(`the server must know ${nodeName}, it knows ${items.map(item => item.nodeName)}`)
      return node
    },
    history: () =>
      all<HistoryList>('/api/v1/history?layers=true&limit=500', page => ({ items: page.items, next: page.nextCursor })),
    pulls: allPulls,
    stop: () => running.disposeAsync(),
  }
}

/** Digests that image records point to now, as containerd's API says it to a client that is not the product's. */
async function targetsOf(rig: Rig): Promise<ReadonlySet<string>> {
  const lists = await Promise.all(namespaces.map(namespace => rig.raw.images(namespace)))
  return new Set(lists.flat().map(({ digest }) => digest))
}

export const hasEnded = ({ phase }: Pull): boolean => isTerminal(phase)

const endedIn = (pulls: ReadonlyMap<string, Pull>, { id }: Pull): boolean => {
  const pull = pulls.get(id)
  return pull !== undefined && hasEnded(pull)
}
