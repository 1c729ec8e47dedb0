import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { PullList } from '../../core/contract/api.ts'
import { parseEventId } from '../../server/pulltrace/events/event-id.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { getJson } from '../rig/get-json.ts'
import { type ServerProgram, startServer } from '../rig/pulltrace.ts'
import { CuttingClient } from './cutting-client.ts'
import { FakeNode, type Told } from './fake-node.ts'
import { hasStateOf } from './has-state.ts'

const cuts = process.env['SOAK'] ? 1000 : 100

/** What clients ask for, and the most that one of their connections carries. */
const kinds: readonly (readonly [query: string, maxBytes: number])[] = [
  ['', 40_000],
  ['?layers=true', 200_000],
  ['?phase=downloading', 25_000],
  ['?phase=unpacking,failed', 12_000],
  ['?node=node-2', 12_000],
]

/** One run of the server process, in which one epoch numbers the events. */
interface Life {
  readonly epoch: string
  readonly fromMs: number
  toMs: number
}

describe('a client that comes back with its last id', () => {
  it(`after ${cuts} cuts at any byte has the server's state, every start and end, and no id twice`, async function () {
    this.timeout(60_000 + cuts * 2000)
    const server = await startServer({ reportIntervalMs: 100 })
    const nodes = [1, 2, 3, 4].map(
      number => new FakeNode({ serverUrl: server.url, nodeName: `node-${number}`, slots: 5 }),
    )
    const clients = kinds.map(([query, maxBytes]) => new CuttingClient(server.url, query, maxBytes))
    const working = new AbortController()
    const running = clients.map(client => client.run())
    const work = nodes.map(node => keepReporting(node, working.signal))
    const lives = [await lifeOf(server)]
    try {
      for (const share of [1 / 3, 2 / 3]) {
        await cutsDone(clients, cuts * share)
        lives.at(-1)!.toMs = performance.now()
        await server.kill9()
        await server.restart()
        const life = await lifeOf(server)
        lives.push(life)
        await eventually(
          'every client knows the new life',
          () => clients.every(c => c.lives.has(life.epoch)) || undefined,
        )
      }
      await cutsDone(clients, cuts)
      for (const client of clients) client.settle()
      working.abort()
      await Promise.all(work)
      for (const node of nodes) await node.report()
      for (const client of clients) await eventuallyHolds(() => hasStateOf(server.url, client.view, client.query))

      const told = nodes.flatMap(node => [...node.told.values()])
      for (const client of clients) checkLives(client, lives, told)
      const filtered = clients.find(({ query }) => query === '?phase=downloading')!
      assert.ok(filtered.leftOnResume > 0, 'a pull that left the filter during a cut was told on the way back')
      const ended = told.filter(({ endAckedMs }) => endAckedMs !== undefined).length
      console.log(`      ${cuts} cuts of ${clients.length} clients, ${told.length} pulls, ${ended} of them ended`)
    } finally {
      working.abort()
      for (const client of clients) client.stop()
      await Promise.allSettled([...work, ...running])
      await server.stop()
    }
  })
})

async function lifeOf(server: ServerProgram): Promise<Life> {
  const { lastEventId } = await getJson<PullList>(`${server.url}/api/v1/pulls`)
  return { epoch: parseEventId(lastEventId)!.epoch, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY }
}

async function keepReporting(node: FakeNode, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    node.step()
    // The server may be dead: an agent comes with fresh data at its next interval.
    await node.report().catch(() => {})
    await delay(30 + Math.random() * 30)
  }
}

async function cutsDone(clients: readonly CuttingClient[], count: number): Promise<void> {
  const enough = () => (clients.every(client => client.cuts >= count) ? true : undefined)
  await eventually(`${count} cuts of every client`, enough, 30_000 + count * 2000)
}

/** `StreamView` has checked on the way that numbers only rise, and that a start is the first word on a pull. */
function checkLives({ query, view, lives: seen }: CuttingClient, lives: readonly Life[], told: readonly Told[]): void {
  assert.deepEqual(
    [...seen.keys()],
    lives.map(({ epoch }) => epoch),
    `'${query}' followed every life`,
  )
  assert.ok(view.resets >= lives.length - 1, 'each new life began with a reset')
  for (const { epoch, fromMs, toMs } of lives) {
    const { syncedMs, newestMs, starts, ends } = seen.get(epoch)!
    // What a killed server sent while this client was away is gone with it; the reset says so.
    const untilMs = toMs === Number.POSITIVE_INFINITY ? toMs : Math.min(toMs, newestMs)
    for (const [id, count] of [...starts, ...ends]) assert.equal(count, 1, `one start and one end of ${id}`)
    if (query !== '' && query !== '?layers=true' && query !== '?node=node-2') continue
    for (const { id, nodeName, startSentMs, endSentMs, endAckedMs } of told) {
      if (query === '?node=node-2' && nodeName !== 'node-2') continue
      if (endSentMs === undefined || endAckedMs === undefined) continue
      if (endSentMs < Math.max(syncedMs, fromMs) || endAckedMs > untilMs) continue
      assert.ok(
        ends.has(id),
        `'${query}' saw the end of ${id} in life ${epoch}, sent ${endSentMs}, acknowledged ${endAckedMs}, of ${fromMs} to ${untilMs}`,
      )
      if (startSentMs > syncedMs) assert.ok(starts.has(id), `'${query}' saw the start of ${id}`)
    }
  }
}
