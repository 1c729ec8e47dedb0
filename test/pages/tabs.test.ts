import assert from 'node:assert/strict'
import type { BrowserContext, Page } from 'playwright-core'
import type { PullList } from '../../core/contract/api.ts'
import { type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { metricOf } from '../stream/metrics.ts'
import { idOf, pull, ScriptedAgent } from './cluster.fake.ts'

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
    server = await startServer()
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

  it('have one connection each where a browser has neither workers nor locks for them', async () => {
    await context.addInitScript('delete globalThis.SharedWorker; delete Navigator.prototype.locks')
    await report(10)
    const tabs = await openTabs()
    await report(30)
    await showTheSame(tabs)
    assert.equal(await clients(), 3)
  })
})
