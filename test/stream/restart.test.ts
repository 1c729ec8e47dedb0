import assert from 'node:assert/strict'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { PullList } from '../../core/contract/api.ts'
import { eventually } from '../eventually.ts'
import { makeRigDir, removeRigDir, startChild, waitUntil } from '../rig/child.ts'
import { getJson } from '../rig/get-json.ts'
import { type Program, type ServerProgram, startAgent, startServer } from '../rig/pulltrace.ts'

/** Long beside what a busy machine needs for a look and a report. */
const reportIntervalMs = 3000

/** The demo runtime as a program of its own: a containerd that always pulls something. */
async function startDemo() {
  const dir = await makeRigDir('demo')
  const socket = path.join(dir, 'c.sock')
  const main = fileURLToPath(new URL('../../cli/demo/main.ts', import.meta.url))
  const env = { PATH: process.env['PATH'], PULLTRACE_DEMO_SOCKET: socket }
  const child = await startChild(process.execPath, [main], path.join(dir, 'demo.log'), env)
  await waitUntil(child, async () => child.log().includes('demo runtime ready') || undefined)
  return {
    socket,
    async stop() {
      await child.end('SIGTERM')
      await removeRigDir(dir)
    },
  }
}

const activePulls = async ({ url }: ServerProgram) =>
  (await getJson<PullList>(`${url}/api/v1/pulls`)).pulls.map(({ id }) => id)

describe('G6: after a restart of the server', () => {
  for (const how of ['kill9', 'terminate'] as const) {
    it(`by ${how}, active pulls are back within one interval of the agent`, async function () {
      this.timeout(120_000)
      const demo = await startDemo()
      let server: ServerProgram | undefined
      let agent: Program | undefined
      try {
        server = await startServer({ reportIntervalMs })
        const running = server
        agent = await startAgent({ nodeName: 'node-a', serverUrl: server.url, socket: demo.socket, reportIntervalMs })
        const before = await eventually('pulls are active', async () => {
          const ids = await activePulls(running)
          return ids.length > 1 ? ids : undefined
        })
        await server[how]()
        // Away for longer than an interval: the agent has met the closed door.
        await delay(2 * reportIntervalMs)
        await server.restart()
        const listeningMs = performance.now()
        const after = await eventually('pulls are active again', async () => {
          const ids = await activePulls(running)
          return ids.length > 0 ? ids : undefined
        })
        const tookMs = performance.now() - listeningMs
        // A report is a full snapshot, so the first one brings all; those that ended meanwhile are in the history.
        const ended = await getJson<{ items: { id: string }[] }>(`${server.url}/api/v1/history`)
        const known = new Set([...after, ...ended.items.map(({ id }) => id)])
        assert.deepEqual(
          before.filter(id => !known.has(id)),
          [],
        )
        console.log(
          `      active again ${Math.round(tookMs)} ms after it listened, at an interval of ${reportIntervalMs} ms`,
        )
        // The interval, and half of one for a look at containerd and the way of the report on a busy machine.
        assert.ok(tookMs < 1.5 * reportIntervalMs, `${tookMs} ms`)
      } finally {
        await agent?.stop()
        await server?.stop()
        await demo.stop()
      }
    })
  }
})
