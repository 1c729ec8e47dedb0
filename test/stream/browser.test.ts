import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { pullIdOf } from '../../core/pulls/pull-id.ts'
import { goodPull, goodReport, post } from '../../server/pulltrace/start-server.fake.ts'
import { eventually } from '../eventually.ts'
import { type ServerProgram, startServer } from '../rig/pulltrace.ts'
import { type RealBrowser, startBrowser } from './browser.ts'
import { type PageSeen, startDashboard } from './dashboard.ts'
import { type Nginx, startNginx } from './nginx.ts'

const token = 'reader-token-of-the-dashboard'
const idOf = (number: number) => pullIdOf('node-a', 'k8s.io', `lease-${number}`, '2026-11-21T10:00:00Z')

describe('a browser on another origin, through nginx as Debian ships it', function () {
  this.timeout(60_000)
  let server: ServerProgram
  let nginx: Nginx
  let chromium: RealBrowser
  let dashboard: Awaited<ReturnType<typeof startDashboard>>
  let stranger: Awaited<ReturnType<typeof startDashboard>>
  let page: Page
  let seq = 0
  let pulls = 0

  before(async function () {
    this.timeout(180_000)
    // The server must know the page's origin, and the page the address of nginx, which must know the server's.
    let api = ''
    dashboard = await startDashboard(() => api, token)
    stranger = await startDashboard(() => api, token)
    server = await startServer({
      env: {
        PULLTRACE_READER_AUTH: 'token',
        PULLTRACE_READER_TOKEN: token,
        PULLTRACE_CORS_ORIGINS: dashboard.origin,
      },
    })
    nginx = await startNginx(server.url)
    api = nginx.url
    chromium = await startBrowser()
    page = await chromium.browser.newPage()
    await page.goto(dashboard.origin)
    await sees(page, 'the state', seen => seen.synced === 1)
  })

  after(async () => {
    await chromium?.stop()
    await nginx?.stop()
    await server?.stop()
    await dashboard?.stop()
    await stranger?.stop()
  })

  /** Reports one more pull, that starts now. Returns its id and when it was sent. */
  async function reportPull(): Promise<{ id: string; sentMs: number }> {
    const id = idOf(++pulls)
    const all = Array.from({ length: pulls }, (_, index) => goodPull({ id: idOf(index + 1) }))
    const sentMs = Date.now()
    const answer = await post(`${server.url}/api/v1/report`, goodReport(++seq, { pulls: all }))
    assert.equal(answer.status, 200, await answer.text())
    return { id, sentMs }
  }

  const startsOf = (seen: PageSeen, id: string) =>
    seen.events.filter(event => event.pullId === id && event.type === 'pull.started')

  it('sees each start within a second of its report', async () => {
    const delays: number[] = []
    for (let count = 0; count < 20; count++) {
      const { id, sentMs } = await reportPull()
      const { events } = await sees(page, `the start of ${id}`, seen => startsOf(seen, id).length > 0)
      delays.push(events.find(event => event.pullId === id)!.atMs - sentMs)
    }
    assert.ok(Math.max(...delays) < 1000, `${delays.join(', ')} ms`)
    console.log(`      from report to page: ${delays.sort((a, b) => a - b).join(' ')} ms`)
  })

  it('comes back with a new ticket and its last id after a cut, and misses nothing', async () => {
    const before = await seenBy(page)
    await nginx.restart()
    // Reported to the server itself while the page may still be away.
    const missed = [await reportPull(), await reportPull(), await reportPull()]
    const seen = await sees(page, 'what it missed', now => missed.every(({ id }) => startsOf(now, id).length > 0))
    for (const { id } of missed) assert.equal(startsOf(seen, id).length, 1, 'no start twice')
    assert.equal(seen.resets, before.resets, 'no reset')
    assert.equal(seen.synced, before.synced, 'no second state')
    assert.ok(seen.tickets > before.tickets)
    const ids = seen.events.filter(({ id }) => id !== '').map(({ id }) => Number(id.split('-')[1]))
    assert.deepEqual(
      ids,
      [...new Set(ids)].sort((a, b) => a - b),
      'ids rise',
    )
  })

  it('recovers when the server restarts: it is told to forget, gets the state and goes on', async () => {
    const before = await seenBy(page)
    await server.kill9()
    await sees(page, 'that it is gone', seen => seen.failures.length > before.failures.length)
    await server.restart()
    await sees(page, 'a reset and the state', seen => seen.resets > before.resets && seen.synced > before.synced)
    const { id, sentMs } = await reportPull()
    const { events } = await sees(page, `the start of ${id}`, seen => startsOf(seen, id).length > 0)
    assert.ok(events.findLast(event => event.pullId === id)!.atMs - sentMs < 1000)
    // Every pull that ran is told again, under the new epoch.
    const told = new Set(events.slice(before.events.length).map(event => event.pullId))
    for (let number = 1; number <= pulls; number++) assert.ok(told.has(idOf(number)), idOf(number))
  })

  it('refuses an origin that is not in PULLTRACE_CORS_ORIGINS, ticket or not', async () => {
    const other = await chromium.browser.newPage()
    await other.goto(stranger.origin)
    const { tickets, events, failures } = await sees(other, 'refusals', seen => seen.failures.length > 1)
    assert.deepEqual({ tickets, events }, { tickets: 0, events: [] })
    assert.match(failures[0]!, /Failed to fetch/)
    // The browser, not the server, keeps a stranger's page from reading with a ticket that it got elsewhere.
    const headers = { authorization: `Bearer ${token}` }
    const answer = await fetch(`${server.url}/api/v1/tickets`, { method: 'POST', headers })
    const { ticket } = (await answer.json()) as { ticket: string }
    const outcome = await other.evaluate(openOnce, `${nginx.url}/api/v1/events?ticket=${ticket}`)
    assert.equal(outcome, 'error')
    await other.close()
  })
})

/** Runs in the browser. */
function openOnce(url: string): Promise<string> {
  const { EventSource } = globalThis as unknown as { EventSource: new (url: string) => EventTarget & { close(): void } }
  return new Promise(resolve => {
    const source = new EventSource(url)
    for (const name of ['open', 'message', 'synced', 'error']) {
      source.addEventListener(name, () => {
        source.close()
        resolve(name)
      })
    }
  })
}

const seenBy = (page: Page) => page.evaluate(() => (globalThis as unknown as { seen: PageSeen }).seen)

async function sees(page: Page, what: string, check: (seen: PageSeen) => boolean): Promise<PageSeen> {
  let last: PageSeen | undefined
  try {
    return await eventually(`the page sees ${what}`, async () => {
      last = await seenBy(page)
      return check(last) ? last : undefined
    })
  } catch (error) {
    throw new Error(`${(error as Error).message}; it saw ${JSON.stringify(last)}`, { cause: error })
  }
}
