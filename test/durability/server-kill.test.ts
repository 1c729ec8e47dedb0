import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryList } from '../../core/contract/api.ts'
import { eventually } from '../eventually.ts'
import { getJson } from '../rig/get-json.ts'
import { type ServerProgram, startServer } from '../rig/pulltrace.ts'
import { FakeNode } from '../stream/fake-node.ts'
import { temporaryFolder } from './programs.ts'

const rounds = process.env['SOAK'] ? 50 : 5

describe('G1: a pull that the server has acknowledged survives kill -9 of the server', () => {
  it(`in ${rounds} rounds at random moments, and is in the history once`, async function () {
    this.timeout(60_000 + rounds * 20_000)
    const server = await startServer()
    const acknowledged = new Set<string>()
    let refused = 0
    try {
      for (let round = 0; round < rounds; round++) {
        const nodes = Array.from(
          { length: 8 },
          (_, number) =>
            new FakeNode({ serverUrl: server.url, nodeName: `node-${round}-${number}`, slots: 4, steps: 4 }),
        )
        const killed = new AbortController()
        const work = nodes.map(node => keepReporting(node, killed.signal))
        const acked = () => nodes.flatMap(node => [...node.told.values()]).filter(told => told.endAckedMs !== undefined)
        await eventually('a pull is acknowledged', () => acked().length > 0 || undefined)
        await delay(Math.random() * 1500)
        await server.kill9()
        killed.abort()
        await Promise.all(work)
        for (const { id } of acked()) acknowledged.add(id)
        refused += nodes.reduce((sum, node) => sum + node.held, 0)
        checkFile(server.dataDir)
        await server.restart()
        const counts = await historyCounts(server)
        assert.deepEqual(
          [...acknowledged].filter(id => !counts.has(id)),
          [],
          `round ${round}: lost`,
        )
        assert.deepEqual(
          [...counts].filter(([, count]) => count !== 1),
          [],
          `round ${round}: there twice`,
        )
        // What had no answer is sent again, as agents do, whether or not it was stored.
        for (const node of nodes) {
          const answer = await node.report()
          assert.ok(answer.acknowledged && node.held === 0)
        }
        for (const { id } of acked()) acknowledged.add(id)
      }
      const counts = await historyCounts(server)
      assert.deepEqual([...counts.keys()].sort(), [...acknowledged].sort(), 'all that ended, and nothing else')
      assert.deepEqual(
        [...counts].filter(([, count]) => count !== 1),
        [],
      )
      console.log(`      ${acknowledged.size} acknowledged pulls over ${rounds} kills, ${refused} had to be sent again`)
    } finally {
      await server.stop()
    }
  })
})

async function keepReporting(node: FakeNode, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    node.step()
    // It was killed: what was sent has no answer.
    await node.report().catch(() => {})
    await delay(5)
  }
}

/** Every id in the history, and how often it is there, over all pages. */
async function historyCounts({ url }: ServerProgram): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  let cursor: string | null = null
  do {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: HistoryList = await getJson<HistoryList>(`${url}/api/v1/history?limit=1000${from}`)
    for (const { id } of page.items) counts.set(id, (counts.get(id) ?? 0) + 1)
    cursor = page.nextCursor
  } while (cursor !== null)
  return counts
}

/** Opens a copy of what the dead server left, so that the server itself meets the files as they are. */
function checkFile(dataDir: string): void {
  using folder = temporaryFolder()
  cpSync(dataDir, folder.path, { recursive: true })
  const db = new DatabaseSync(path.join(folder.path, 'pulls.db'))
  assert.equal(Object.values(db.prepare('PRAGMA integrity_check').get()!)[0], 'ok')
  db.close()
}
