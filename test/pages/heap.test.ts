import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { eventually } from '../eventually.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { metricOf } from '../stream/metrics.ts'
import { idOf, ScriptedAgent } from './cluster.fake.ts'
import { usedHeapOf } from './used-heap.ts'

const events = process.env['SOAK'] ? 1_000_000 : 100_000
/** Until what is bounded is full: the server keeps 20,000 events for who comes back, a page the last 500 ends. */
const firstEvents = 30_000
const nodes = 4
/** Of each node at a time; each starts with one report and ends with the next. */
const pulls = 250
const eventsOfRound = 2 * nodes * pulls
/** For each 100,000 events. Bytes. */
const allowedBytes = 1_000_000
const written = 'pulltrace_sse_events_total'

describe('pages that are open all day', function () {
  this.timeout(process.env['SOAK'] ? 3_600_000 : 600_000)
  let server: ChildProcess
  let urls: { readonly url: string; readonly metricsUrl: string }
  let chromium: RealBrowser
  let page: Page
  let agents: ScriptedAgent[]
  let rounds = 0

  before(async () => {
    const file = fileURLToPath(import.meta.resolve('../../server/pulltrace/measured-server.fake.ts'))
    server = fork(file, { execArgv: ['--expose-gc'] })
    urls = (await once(server, 'message'))[0] as typeof urls
    chromium = await startBrowser()
    const context = await chromium.browser.newContext({ viewport: { width: 1280, height: 900 } })
    const hidden = await context.newPage()
    // As Chromium does with a tab that is not in sight: no frame is drawn.
    await hidden.addInitScript('globalThis.requestAnimationFrame = () => 0')
    page = await context.newPage()
    for (const [tab, address] of [
      [hidden, '/?group=node'],
      [page, '/?group=image'],
    ] as const) {
      await tab.goto(`${urls.url}${address}`)
      await tab.waitForSelector('#link[data-link="live"]')
    }
    agents = Array.from({ length: nodes }, (_, node) => new ScriptedAgent(urls.url, `node-${node}`))
  })
  after(async () => {
    await chromium?.stop()
    server?.send('stop')
    if (server?.exitCode === null && server.signalCode === null) await once(server, 'exit')
  })

  const pull = (name: string, phase: 'downloading' | 'completed', image: number) => ({
    id: idOf(name),
    imageRef: `registry.example.com/team/app-${image % 50}:v1`,
    phase,
    startedAt: new Date().toISOString(),
    totalKnown: true,
    layers: [{ ...layer, downloadedBytes: phase === 'completed' ? 1000 : 100 }],
    ...(phase === 'completed' && { completedAt: new Date().toISOString() }),
  })
  const layer = { digest: `sha256:${'1'.repeat(64)}`, totalBytes: 1000, totalKnown: true }

  /** Starts and ends, which no stream may leave out; and the page has seen them all. */
  async function pass(count: number): Promise<void> {
    const before = await metricOf(urls.metricsUrl, written)
    for (let sent = 0; sent < count; sent += eventsOfRound) {
      const round = rounds++
      for (const phase of ['downloading', 'completed'] as const) {
        await Promise.all(
          agents.map((agent, node) =>
            agent.report(Array.from({ length: pulls }, (_, n) => pull(`${round}/${node}/${n}`, phase, n))),
          ),
        )
      }
    }
    await eventually('each was written to the browser', async () => {
      return (await metricOf(urls.metricsUrl, written)) - before >= count
    })
    await eventually('the page has seen every end', async () => {
      const active = await page.locator('.summary [data-slot="active"]').innerText()
      return active === '0'
    })
  }

  async function usedBytes(): Promise<Record<string, number>> {
    server.send('usage')
    const [used] = (await once(server, 'message')) as [{ readonly usedBytes: number }]
    const of = (type: 'page' | 'shared_worker', part: string) => usedHeapOf(chromium.debuggerHost, type, part)
    return {
      server: used.usedBytes,
      page: await of('page', 'group=image'),
      'tab out of sight': await of('page', 'group=node'),
      worker: await of('shared_worker', 'stream-worker'),
    }
  }

  it('hold no more after many events than before, nor does the server', async () => {
    await pass(firstEvents)
    const before = await usedBytes()
    for (let passed = events; ; passed += events) {
      await pass(events)
      const after = await usedBytes()
      console.log(`        after ${passed} events ${JSON.stringify({ before, after })}`)
      const grown = Object.keys(after).map(name => [name, after[name]! - before[name]!] as const)
      const tooMuch = grown.filter(([, bytes]) => bytes >= (allowedBytes * passed) / 100_000)
      // A heap goes up and down by nearly as much; what is held for each event goes on to grow.
      if (tooMuch.length > 0 && passed < 3 * events) continue
      assert.deepEqual(tooMuch, [])
      assert.equal(await metricOf(urls.metricsUrl, 'pulltrace_sse_clients_active'), 1)
      return
    }
  })
})
