import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import type { BrowserContext } from 'playwright-core'
import { type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { eventuallyHolds } from '../eventually.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { pull, ScriptedAgent } from './cluster.fake.ts'

/** The clock of the page, which the test sets ahead; what it gives ten seconds has one. */
const staged = `
  delete globalThis.SharedWorker
  const timeout = AbortSignal.timeout
  AbortSignal.timeout = ms => timeout.call(AbortSignal, ms / 10)
  globalThis.aheadMs = 0
  const now = Date.now
  Date.now = () => now() + aheadMs`

const image = 'registry.example.com/shop/checkout:v2'

describe('a page whose server has fallen silent', function () {
  this.timeout(60_000)
  let chromium: RealBrowser
  let server: RunningServer
  let relay: Relay
  let context: BrowserContext

  before(async function () {
    this.timeout(120_000)
    chromium = await startBrowser()
  })
  after(() => chromium?.stop())
  beforeEach(async () => {
    server = await startServer()
    relay = await openRelay(Number(new URL(server.url).port))
    context = await chromium.browser.newContext()
  })
  afterEach(async () => {
    await context?.close()
    await relay?.stop()
    await server?.stop()
  })

  it('says so, and goes on where it was once it is answered again', async () => {
    const agent = new ScriptedAgent(server.url, 'node-a')
    await context.addInitScript(staged)
    const page = await context.newPage()
    const shows = (percent: number) =>
      eventuallyHolds(async () => {
        assert.equal(Math.round(parseFloat((await page.locator('.pull .down').getAttribute('width'))!)), percent)
      })
    const goAhead = (ms: number) => page.evaluate(`aheadMs += ${ms}`)

    await agent.report([pull('one', image, 'downloading', 10)])
    await page.goto(relay.url)
    await page.waitForSelector('#link[data-link="live"]')
    await shows(10)

    relay.silent = true
    await agent.report([pull('one', image, 'downloading', 30)])
    const { streams } = relay
    await goAhead(45_000)
    await eventuallyHolds(() => assert.ok(relay.streams > streams, 'another stream is opened'))
    await goAhead(10_000)
    await page.waitForSelector('#link[data-link="lost"]')
    await shows(10)

    relay.silent = false
    // The stream that was asked for in the silence is waited for twice as long.
    await goAhead(20_000)
    await page.waitForSelector('#link[data-link="live"]')
    await shows(30)
  })

  it('goes on when more was asked of it meanwhile than a browser has connections', async () => {
    const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
    const agent = new ScriptedAgent(server.url, 'node-a')
    await context.addInitScript(staged)
    const page = await context.newPage()
    await agent.report(names.map(name => pull(name, image, 'downloading', 10)))
    await page.goto(relay.url)
    await page.waitForSelector('#link[data-link="live"]')
    await page.evaluate(`for (const row of document.querySelectorAll('.pull details')) row.open = true`)
    await eventuallyHolds(async () => assert.equal(await page.locator('.layer-table').count(), names.length))

    relay.silent = true
    await eventuallyHolds(() => assert.ok(relay.unanswered >= 6, 'all connections wait for an answer'))
    await eventuallyHolds(async () => {
      await page.evaluate('aheadMs += 45_000')
      assert.equal(await page.getAttribute('#link', 'data-link'), 'lost')
    })

    relay.silent = false
    await page.evaluate('aheadMs += 45_000')
    await page.waitForSelector('#link[data-link="live"]')
  })
})

interface Relay {
  readonly url: string
  /** How often a stream was asked for. */
  readonly streams: number
  /** As behind a machine that is gone: nothing that is sent arrives, and no connection ends. */
  silent: boolean
  /** Connections whose answers did not arrive. */
  readonly unanswered: number
  stop(): Promise<void>
}

async function openRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let streams = 0
  const unanswered = new Set<Socket>()
  const server = net.createServer(client => {
    const upstream = net.connect(port, '127.0.0.1')
    client.on('data', bytes => {
      if (bytes.includes('GET /api/v1/events')) streams++
      upstream.write(bytes)
    })
    client.on('end', () => upstream.end())
    upstream.on('data', bytes => {
      if (relay.silent) unanswered.add(client)
      else client.write(bytes)
    })
    upstream.on('end', () => relay.silent || client.end())
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get streams() {
      return streams
    },
    silent: false,
    get unanswered() {
      return unanswered.size
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  return relay
}
