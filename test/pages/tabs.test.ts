import assert from 'node:assert/strict'
import type { BrowserContext, Page } from 'playwright-core'
import type { PullList } from '../../core/contract/api.ts'
import { type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { freePorts } from '../rig/ports.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { metricOf } from '../stream/metrics.ts'
import { idOf, pull, ScriptedAgent } from './cluster.fake.ts'

/** What a page is told of itself by a test: whether it is out of sight, and what time it is. */
const staged = `
  delete globalThis.SharedWorker
  Object.assign(globalThis, { unseen: false, aheadMs: 0, sources: [] })
  Object.defineProperty(Document.prototype, 'hidden', { get: () => unseen })
  const now = Date.now
  Date.now = () => now() + aheadMs
  globalThis.EventSource = class extends EventSource {
    constructor(url) {
      super(url)
      sources.push(this)
    }
  }`

const image = 'registry.example.com/shop/checkout:v2'

describe('the tabs of one browser', function () {
  this.timeout(60_000)
  let chromium: RealBrowser
  let server: RunningServer
  let context: BrowserContext
  let agent: ScriptedAgent
  const faults: string[] = []

  before(async function () {
    this.timeout(120_000)
    chromium = await startBrowser()
  })
  after(() => chromium?.stop())
  beforeEach(async () => {
    // While it is stopped, a port that the kernel gave could be given to another.
    const [port] = await freePorts(1)
    server = await startServer({ PULLTRACE_HTTP_ADDR: `127.0.0.1:${port}` })
    agent = new ScriptedAgent(server.url, 'node-a')
    context = await chromium.browser.newContext({ viewport: { width: 1280, height: 900 } })
    faults.length = 0
  })
  afterEach(async () => {
    await context?.close()
    await server?.stop()
    assert.deepEqual(faults, [], 'the browser has nothing to complain of')
  })

  /** Three, each in another grouping. */
  async function openTabs(): Promise<Page[]> {
    const tabs: Page[] = []
    for (const group of ['image', 'node', 'none']) {
      const page = await context.newPage()
      page.on('pageerror', error => faults.push(String(error)))
      await page.goto(`${server.url}/?group=${group}`)
      await page.waitForSelector('#link[data-link="live"]')
      tabs.push(page)
    }
    return tabs
  }

  const clients = () => metricOf(server.metricsUrl, 'pulltrace_sse_clients_active')
  const oneClient = () => eventually('one client', async () => (await clients()) === 1)
  const report = (percent: number, ...more: object[]) =>
    agent.report([pull('one', image, 'downloading', percent), pull('two', image, 'downloading', 5), ...more])

  /** Every row once, as far as the API says, and so in each tab. */
  async function showTheSame(tabs: readonly Page[], ended: readonly string[] = []): Promise<void> {
    await eventuallyHolds(async () => {
      const { pulls } = (await (await fetch(`${server.url}/api/v1/pulls`)).json()) as PullList
      const told = pulls.map(({ id, percent = 0 }) => `${id} ${percent}%`)
      const expected = [...told, ...ended.map(name => `${idOf(name)} 100%`)].sort()
      for (const tab of tabs) {
        const shown = await tab
          .locator('.pull')
          .evaluateAll(rows =>
            rows.map(row => `${row.getAttribute('data-id')} ${row.querySelector('.down')?.getAttribute('width')}`),
          )
        assert.deepEqual(shown.sort(), expected)
      }
    })
  }

  for (const { name, without } of [
    { name: 'share one connection, by a worker', without: '' },
    { name: 'share one connection, by one of them that leads', without: 'delete globalThis.SharedWorker' },
  ]) {
    it(`${name}, whichever of them is closed`, async () => {
      await context.addInitScript(without)
      await report(10)
      let tabs = await openTabs()
      await oneClient()
      await report(30)
      await showTheSame(tabs)

      // The newest one leads. What happens while it goes is neither lost nor shown twice.
      const ended: string[] = []
      for (const [round, last] of [...tabs].reverse().slice(0, 2).entries()) {
        const name = `ends in round ${round}`
        await report(40 + 10 * round, pull(name, image, 'downloading', 50))
        const closed = last.close()
        await report(45 + 10 * round, pull(name, image, 'completed', 100))
        ended.push(name)
        await closed
        tabs = tabs.filter(tab => tab !== last)
        await report(46 + 10 * round)
        await showTheSame(tabs, ended)
        await oneClient()
      }
    })
  }

  it('hand the connection to the one that comes into sight', async () => {
    await context.addInitScript('delete globalThis.SharedWorker')
    await report(10)
    const tabs = await openTabs()
    await oneClient()
    for (const tab of [tabs[0]!, tabs[1]!, tabs[0]!]) {
      await tab.evaluate('document.dispatchEvent(new Event("visibilitychange"))')
      await report(20)
      await showTheSame(tabs)
      await oneClient()
    }
    await tabs[0]!.close()
    await report(50)
    await showTheSame(tabs.slice(1))
    await oneClient()
  })

  const turn = (tab: Page, unseen: boolean) =>
    tab.evaluate(`unseen = ${unseen}; document.dispatchEvent(new Event('visibilitychange'))`)
  const sources = (tab: Page) => tab.evaluate('sources.filter(({ readyState }) => readyState < 2).length')
  const leads = (tab: Page) => eventually('it leads', async () => (await sources(tab)) === 1)
  const goAhead = async (tabs: readonly Page[], ms: number) => {
    for (const tab of tabs) await tab.evaluate(`aheadMs = ${ms}`)
  }

  it('give the connection to one that is in sight when its holder no longer is', async () => {
    await context.addInitScript(staged)
    await report(10)
    const [a, b, c] = (await openTabs()) as [Page, Page, Page]
    await leads(c)
    await turn(a, true)
    await turn(c, true)
    await leads(b)
    await oneClient()
    assert.deepEqual([await sources(a), await sources(c)], [0, 0])
    // Who gets it by the end of another page may be out of sight too.
    await turn(a, false)
    await turn(b, true)
    await leads(a)
    await report(20)
    await showTheSame([a, b, c])
    await oneClient()
  })

  it('take the connection once, however often they come into sight', async () => {
    await context.addInitScript(staged)
    await report(10)
    const tabs = await openTabs()
    const [a] = tabs as [Page]
    const opened = () => a.evaluate('sources.length')
    const before = Number(await opened())
    await a.evaluate(`for (unseen of [false, true, false]) document.dispatchEvent(new Event('visibilitychange'))`)
    await leads(a)
    await report(20)
    await showTheSame(tabs)
    await oneClient()
    assert.equal(await opened(), before + 1)
  })

  it('keep what has ended no longer when they hand the connection over', async () => {
    await context.addInitScript(staged)
    await report(10)
    const tabs = await openTabs()
    await report(10, pull('ends', image, 'downloading', 50))
    await report(20, pull('ends', image, 'completed', 100))
    await showTheSame(tabs, ['ends'])
    await goAhead(tabs, 45_000)
    await turn(tabs[0]!, false)
    await leads(tabs[0]!)
    await showTheSame(tabs, ['ends'])
    await goAhead(tabs, 61_000)
    await showTheSame(tabs)
  })

  it('hand over what a restarted server has not heard of, which goes in time', async () => {
    await context.addInitScript(staged)
    // It has more to do than to tell of the past.
    await context.route('**/api/v1/pulls?state=finished', route => route.fulfill({ status: 503, json: {} }))
    await report(10)
    const tabs = await openTabs()
    await showTheSame(tabs)
    const address = new URL(server.url).host
    await server.stop()
    for (const tab of tabs) await tab.waitForSelector('#link[data-link="lost"]')
    server = await startServer({ PULLTRACE_HTTP_ADDR: address })
    for (const tab of tabs) await tab.waitForSelector('#link[data-link="live"]')
    await agent.report([pull('one', image, 'downloading', 60)])
    await Promise.all(tabs.map(tab => tab.locator('.pull', { hasText: '166/277 MiB' }).waitFor()))
    await turn(tabs[0]!, false)
    await leads(tabs[0]!)
    for (const tab of tabs) assert.equal(await tab.locator('.pull').count(), 2, 'it may be heard of yet')
    await goAhead(tabs, 16_000)
    await showTheSame(tabs)
    await oneClient()
  })

  it('tell each other of hundreds of pulls in small messages, and hand all of them over', async () => {
    await context.addInitScript(staged)
    await context.addInitScript(`
      globalThis.most = 0
      new BroadcastChannel('pulltrace').onmessage = ({ data }) => {
        most = Math.max(most, data.news?.pulls?.length ?? 0)
      }`)
    const many = Array.from({ length: 600 }, (_, index) =>
      pull(`many${index}`, image, 'downloading', 10, { startedAgoMs: 1000 }),
    )
    await report(10, ...many)
    const tabs = await openTabs()
    const counted = () =>
      eventuallyHolds(async () => {
        for (const tab of tabs) assert.equal(await tab.locator('.summary [data-slot="active"]').innerText(), '602')
      })
    await counted()
    await turn(tabs[0]!, false)
    await leads(tabs[0]!)
    await report(20, ...many)
    await eventuallyHolds(async () => {
      for (const tab of tabs)
        assert.match(await tab.locator(`.pull[data-id="${idOf('one')}"]`).innerText(), /55\.\d\/277 MiB/)
    })
    await counted()
    await oneClient()
    const most = await Promise.all(tabs.map(tab => tab.evaluate('most')))
    assert.ok(Math.max(...(most as number[])) === 250, `${most}`)
  })

  it('have one connection each where a browser has neither workers nor locks for them', async () => {
    await context.addInitScript('delete globalThis.SharedWorker; delete Navigator.prototype.locks')
    await report(10)
    const tabs = await openTabs()
    await report(30)
    await showTheSame(tabs)
    assert.equal(await clients(), 3)
  })
})
