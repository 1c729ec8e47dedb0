import assert from 'node:assert/strict'
import type { BrowserContext, Locator, Page } from 'playwright-core'
import type { PullList } from '../../core/contract/api.ts'
import { type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { freePorts } from '../rig/ports.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { seriousFaults } from './axe.ts'
import { idOf, pull, ScriptedAgent } from './cluster.fake.ts'

const image = 'registry.example.com/shop/checkout:v2'
const hostile = '<img src=x onerror=alert(1)>"\'&amp;\u202egpj.exe\u001b[31m'

describe('the pages of pulltrace-server', function () {
  this.timeout(60_000)
  let chromium: RealBrowser
  let server: RunningServer
  let context: BrowserContext
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
    faults.length = 0
  })
  afterEach(async () => {
    await context?.close()
    await server?.stop()
    assert.deepEqual(faults, [], 'the browser has nothing to complain of')
  })

  async function open(path = '/', options: { readonly script?: boolean; readonly dark?: boolean } = {}): Promise<Page> {
    context = await chromium.browser.newContext({
      javaScriptEnabled: options.script ?? true,
      colorScheme: options.dark ? 'dark' : 'light',
      viewport: { width: 1280, height: 900 },
    })
    return await tab(path)
  }
  async function tab(path: string): Promise<Page> {
    const page = await context.newPage()
    page.on('pageerror', error => faults.push(String(error)))
    page.on('dialog', dialog => faults.push(`a dialog: ${dialog.message()}`))
    page.on('console', message => {
      if (/Content Security Policy/.test(message.text())) faults.push(message.text())
    })
    page.on('request', request => {
      if (!request.url().startsWith(server.url)) faults.push(`asked ${request.url()}`)
    })
    await page.goto(`${server.url}${path}`)
    return page
  }
  /** To the whole of another page: a click waits for its beginning alone. */
  const follow = async (link: Locator) => {
    await link.click()
    await link.page().waitForLoadState()
  }
  const live = (page: Page) => page.waitForSelector('#link[data-link="live"]')
  const rowText = (page: Page, name: string) => page.locator(`.pull[data-id="${idOf(name)}"]`).innerText()
  const figure = (page: Page, name: string) => page.locator(`.summary [data-slot="${name}"]`).innerText()

  describe('without JavaScript', () => {
    it('read: figures, groups, rows with phase, share and reason', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 40), pull('two', `${image}-x`, 'downloading', 10)])
      const error = { code: 'NotFound', message: 'manifest unknown' }
      await agent.report([pull('one', image, 'downloading', 50), pull('two', `${image}-x`, 'failed', 10, { error })])
      await eventuallyHolds(async () => {
        const page = await open('/', { script: false })
        assert.deepEqual([await figure(page, 'active'), await figure(page, 'failing')], ['1', '1'])
        assert.match(await page.locator('[data-figure="rate"]').innerText(), /on all nodes/, 'true for one machine too')
        assert.match(await rowText(page, 'one'), /node-a[\s\S]*downloading[\s\S]*139\/277 MiB/)
        assert.match(await rowText(page, 'two'), /the registry has no such image \(manifest unknown\)/)
        assert.match(await page.locator('.group').nth(1).innerText(), /0 of 1 node has it, 1 failing: NotFound/)
      })
    })

    it('read: of a digest that failed, that a tag of it is pulled again', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const digest = `sha256:${'d'.repeat(64)}`
      const error = { code: 'Timeout', message: 'i/o timeout' }
      const failed = { ...pull('one', `registry.example.com/shop/web@${digest}`, 'failed', 10, { error }), digest }
      await agent.report([failed])
      const group = async () => (await open('/', { script: false })).locator('.group', { hasText: 'web@' }).innerText()
      await eventuallyHolds(async () => assert.match(await group(), /0 of 1 node has it, 1 failing: Timeout/))
      const again = pull('two', 'registry.example.com/shop/web:v2', 'downloading', 10, { startedAgoMs: 1000 })
      await agent.report([failed, { ...again, digest }])
      await eventuallyHolds(async () => assert.match(await group(), /0 of 1 node has it(?!, 1 failing)/))
    })

    it('filter, group and change the colours by forms and links', async () => {
      await new ScriptedAgent(server.url, 'node-a').report([pull('one', image, 'downloading', 40)])
      await new ScriptedAgent(server.url, 'node-b').report([pull('two', image, 'downloading', 40)])
      const page = await open('/', { script: false })
      await page.getByLabel('Node', { exact: true }).fill('node-b')
      await follow(page.getByRole('button', { name: 'Show' }))
      assert.equal(await page.locator('.pull').count(), 1)
      await page.getByRole('link', { name: 'By node' }).click()
      assert.match(page.url(), /group=node/)
      assert.match(page.url(), /node=node-b/)
      assert.match(await page.locator('.group h2').innerText(), /node-b/)
      await page.getByRole('button', { name: 'Dark' }).click()
      assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
      assert.match(page.url(), /node=node-b/)
    })

    it('tell the past: a search, sums, and one pull with its layers', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 40)])
      await agent.report([pull('one', image, 'completed', 100)])
      const page = await open('/history?image=checkout', { script: false })
      await page.getByRole('link', { name: /checkout:v2/ }).click()
      assert.match(await page.locator('main').innerText(), /4 layers[\s\S]*180 MiB/)
      await page.getByRole('link', { name: 'History' }).click()
      await page.getByRole('link', { name: 'By image' }).click()
      assert.match(await page.locator('tbody tr').innerText(), /checkout:v2\s+1\s+0/)
      await page.getByRole('link', { name: 'Nodes' }).click()
      assert.match(await page.locator('tbody tr').innerText(), /node-a\s+reports/)
    })

    it('tell of no layer that it is under way when its pull has failed', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 40)])
      const error = { code: 'Timeout', message: 'i/o timeout' }
      await agent.report([pull('one', image, 'failed', 40, { error, cached: 1 })])
      const page = await open(`/pulls/${idOf('one')}`, { script: false })
      const states = await page.locator('tbody td:nth-child(2)').allInnerTexts()
      assert.deepEqual(states, ['cached', ...Array<string>(3).fill('download not finished')])
    })

    it('turn pages where there are more than 300', async () => {
      const many = Array.from({ length: 301 }, (_, index) => pull(`many${index}`, image, 'downloading', 1))
      await new ScriptedAgent(server.url, 'node-a').report(many)
      await eventually('all are there', async () => /301<\/dd>/.test(await (await fetch(server.url)).text()))
      const page = await open('/?group=node', { script: false })
      assert.equal(await page.locator('.pull').count(), 300)
      assert.equal(await page.getByRole('link', { name: 'Show all' }).isVisible(), false, 'only a script can')
      await page.getByRole('link', { name: 'From 301 on' }).click()
      await eventually('the last one', async () => (await page.locator('.pull').count()) === 1)
      assert.match(page.url(), /group=node/)
      await page.getByRole('link', { name: 'The first 300' }).click()
      await eventually('the first ones', async () => (await page.locator('.pull').count()) === 300)
    })

    it('draw the past over hours and days, with the same in figures', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const error = { code: 'NotFound', message: 'manifest unknown' }
      await agent.report([pull('one', image, 'downloading', 40), pull('two', image, 'downloading', 10)])
      await agent.report([pull('one', image, 'completed', 100), pull('two', image, 'failed', 10, { error })])
      const page = await open('/history', { script: false })
      for (const span of ['hour', 'day']) {
        await page.getByRole('link', { name: `By ${span}` }).click()
        const [pulls, took] = await page.getByRole('img').all()
        assert.match((await pulls!.getAttribute('aria-label'))!, /^2 pulls, 1 failed/)
        assert.match((await took!.getAttribute('aria-label'))!, /95 % within 2\ds/)
        assert.equal(await pulls!.locator('.chart-failed').getAttribute('height'), '50.00%')
        assert.match(await page.locator('tbody tr').innerText(), /\s2\s+1\s+2\ds\s+2\ds/)
      }
      await follow(page.locator('tbody a'))
      assert.equal(await page.locator('tbody tr').count(), 2)
      await page.goto(`${server.url}/history?groupBy=day`)
      await page.getByRole('link', { name: '60 days earlier' }).click()
      assert.match(await page.locator('main').innerText(), /Nothing ended in these 60 days/)
      await follow(page.getByRole('link', { name: 'To now' }))
      assert.equal(await page.locator('tbody tr').count(), 1)
    })

    it('keep to the times of the search in links from the chart, and leave them for what is earlier', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const ended = ['one', 'two'].map(name => pull(name, image, 'completed', 100))
      const first = { ...ended[0]!, completedAt: new Date(Date.parse(ended[1]!.completedAt!) - 1000).toISOString() }
      await agent.report([{ ...first, phase: 'downloading', completedAt: undefined }])
      await agent.report([first, ended[1]!])
      const query = `groupBy=day&since=${ended[1]!.completedAt}`
      const page = await open(`/history?${query}`, { script: false })
      assert.match(await page.locator('tbody tr').innerText(), /\s1\s+0\s/)
      await follow(page.locator('tbody a'))
      assert.equal(await page.locator('tbody tr').count(), 1, 'as many as were counted')
      await page.goto(`${server.url}/history?${query}`)
      await page.getByRole('link', { name: '60 days earlier' }).click()
      assert.equal(new URL(page.url()).searchParams.get('since'), null)
      await page.goto(`${server.url}/history?groupBy=hour&since=2020-01-01`)
      await page.getByRole('link', { name: '72 hours earlier' }).click()
      assert.equal(new URL(page.url()).searchParams.get('since'), '2020-01-01')
    })

    it('show a search that cannot be read as it was typed, each fault at its field', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 40)])
      await agent.report([pull('one', image, 'completed', 100)])
      const page = await open('/history', { script: false })
      await page.getByLabel('Image').fill('checkout')
      const typed = 'yesterday "<b>'
      await page.getByLabel('Ended since').fill(typed)
      const [answer] = await Promise.all([
        page.waitForResponse(one => one.url().includes('/history?')),
        follow(page.getByRole('button', { name: 'Search' })),
      ])
      assert.equal(answer.status(), 400)
      const since = page.getByLabel('Ended since')
      assert.deepEqual([await since.inputValue(), await page.getByLabel('Image').inputValue()], [typed, 'checkout'])
      assert.equal(await since.getAttribute('aria-invalid'), 'true')
      const fault = page.locator(`#${await since.getAttribute('aria-describedby')}`)
      assert.match(await fault.innerText(), /^must be a date or an RFC 3339 time such as '2026-11-21T10:00:00Z'$/)
      assert.equal(await page.locator('[aria-invalid]').count(), 1)
      assert.equal(await page.getByRole('table').count(), 0, 'no results')
      await since.fill('2020-01-01')
      await follow(page.getByRole('button', { name: 'Search' }))
      assert.equal(await page.locator('tbody tr').count(), 1)
      const both = await page.goto(`${server.url}/history?groupBy=hour&since=x&until=y&phase=boom`)
      assert.equal(both!.status(), 400)
      assert.equal(await page.locator('[aria-invalid="true"]').count(), 3)
      assert.equal(await page.getByLabel('How it ended').inputValue(), 'boom')
      assert.equal((await page.goto(`${server.url}/history?nonsense=1`))!.status(), 400)
      assert.match(await page.locator('main').innerText(), /`nonsense` is not a parameter here/i)
    })

    it('say what to do where there is nothing, and what is wrong with an address', async () => {
      const page = await open('/', { script: false })
      assert.match(await page.locator('main').innerText(), /No node reports yet/)
      await page.goto(`${server.url}/history`)
      assert.match(await page.locator('main').innerText(), /No pull has ended yet/)
      const answer = await page.goto(`${server.url}/?phase=nonsense`)
      assert.equal(answer!.status(), 400)
      assert.match(await page.locator('main').innerText(), /`phase` must be one of/i)
      assert.equal((await page.goto(`${server.url}/nowhere`))!.status(), 404)
      assert.match(await page.locator('main').innerText(), /Nothing is here/)
    })
  })

  it('link to the rules where tk-web-ui is, and only then', async () => {
    const rulesOn = async (url: string) => /href="([^"]+)">Rules</.exec(await (await fetch(url)).text())?.[1]
    assert.equal(await rulesOn(server.url), undefined)
    await using linked = await startServer({ TK_PUBLIC_URL: 'https://rules.example.com/' })
    assert.equal(await rulesOn(linked.url), 'https://rules.example.com/')
  })

  describe('with JavaScript', () => {
    it('follow each pull from its start to its end, and at rest show what the API tells', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 10)])
      const page = await open()
      await live(page)
      await agent.report([pull('one', image, 'downloading', 60), pull('two', `${image}-b`, 'resolving', 0)])
      await eventuallyHolds(async () => {
        assert.match(await rowText(page, 'one'), /166\/277 MiB/)
        assert.match(await rowText(page, 'two'), /asking the registry/)
        assert.equal(await figure(page, 'active'), '2')
      })
      const { pulls } = (await (await fetch(`${server.url}/api/v1/pulls`)).json()) as PullList
      const shown = await page.locator('.pull').evaluateAll(rows => rows.map(row => row.getAttribute('data-id')))
      assert.deepEqual(shown.sort(), pulls.map(({ id }) => id).sort())
      for (const { id, percent = 0 } of pulls) {
        const width = await page.locator(`.pull[data-id="${id}"] .down`).getAttribute('width')
        assert.equal(width, `${percent}%`)
      }
      const error = { code: 'NoSpace', message: 'no space left on device' }
      await agent.report([pull('one', image, 'completed', 100), pull('two', `${image}-b`, 'failed', 0, { error })])
      await eventuallyHolds(async () => {
        assert.match(await rowText(page, 'one'), /done/)
        assert.match(await rowText(page, 'two'), /the disk is full/)
        assert.deepEqual([await figure(page, 'active'), await figure(page, 'failing')], ['0', '1'])
        assert.match(await page.locator('.group').first().innerText(), /1 of 1 node has it/)
      })
    })

    it('ask again how far an image has come when no answer came', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 10)])
      const page = await open()
      await live(page)
      let refused = 0
      await page.route('**/pages/images?*', route => {
        refused++
        return route.abort()
      })
      await agent.report([pull('one', image, 'completed', 100)])
      await eventuallyHolds(() => assert.ok(refused > 0))
      assert.match(await page.locator('.group').first().innerText(), /0 of 1 node has it/)
      await page.unroute('**/pages/images?*')
      await eventuallyHolds(async () => {
        assert.match(await page.locator('.group').first().innerText(), /1 of 1 node has it/)
      })
    })

    it('put what begins above what has ended, as a reload would', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const named = (name: string) => `registry.example.com/shop/${name}:v1`
      await agent.report([
        pull('one', named('one'), 'downloading', 40, { startedAgoMs: 30_000 }),
        pull('two', named('two'), 'downloading', 40),
      ])
      const page = await open('/')
      await live(page)
      const order = () => page.locator('.group [data-slot="name"]:visible').allInnerTexts()
      const both = [pull('one', named('one'), 'completed', 100), pull('two', named('two'), 'downloading', 50)]
      await agent.report(both)
      await eventuallyHolds(async () => assert.match(await rowText(page, 'one'), /done/))
      assert.deepEqual(await order(), ['one:v1', 'two:v1'], 'who reads it keeps it where it is')
      await agent.report([both[1]!, pull('three', named('three'), 'downloading', 1)])
      await eventuallyHolds(async () => assert.deepEqual(await order(), ['three:v1', 'one:v1', 'two:v1']))
      await agent.report([
        both[1]!,
        pull('three', named('three'), 'downloading', 2),
        pull('again', named('one'), 'downloading', 1),
      ])
      await eventuallyHolds(async () => assert.equal(await page.locator('.pull').count(), 4))
      const rows = await page.locator('.pull').evaluateAll(items => items.map(item => item.getAttribute('data-id')))
      assert.deepEqual(rows, ['three', 'again', 'one', 'two'].map(idOf))
    })

    it('leave a pull where it is when the name of its image becomes known', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const digest = `registry.example.com/shop/app@sha256:${'8'.repeat(64)}`
      const next = pull('next', image, 'downloading', 40)
      await agent.report([pull('one', digest, 'downloading', 40), next])
      const page = await open('/')
      await live(page)
      const first = page.locator('.pull').first()
      await first.locator('summary').click()
      await agent.report([pull('one', 'registry.example.com/shop/app:v1', 'completed', 100), next])
      await eventuallyHolds(async () => assert.match(await page.locator('.group').first().innerText(), /app:v1/))
      assert.equal(await first.getAttribute('data-id'), idOf('one'))
      assert.equal(await first.locator('details').getAttribute('open'), '', 'its layers stay open')
      assert.equal(await page.locator('.group').count(), 2)
    })

    it('show a change within half a second of its report', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 1)])
      const page = await open()
      await live(page)
      const delays: number[] = []
      for (let percent = 2; percent <= 21; percent++) {
        const sentMs = performance.now()
        await agent.report([pull('one', image, 'downloading', percent)])
        await eventually(`${percent} %`, async () => {
          const width = await page.locator('.pull .down').getAttribute('width')
          return Math.round(Number.parseFloat(width!)) === percent
        })
        delays.push(Math.round(performance.now() - sentMs))
      }
      delays.sort((a, b) => a - b)
      console.log(`        from report to page: ${delays.join(' ')} ms`)
      assert.ok(delays[10]! < 500, 'in the middle; a busy machine is slower now and then')
    })

    it('open the layers of a pull, and keep them fresh', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 10)])
      const page = await open()
      await live(page)
      await page.getByText('Layers', { exact: true }).click()
      const layers = page.locator('.layer-table')
      await eventuallyHolds(async () => assert.match(await layers.innerText(), /18\.0\/180 MiB/))
      await agent.report([pull('one', image, 'downloading', 50)])
      await eventuallyHolds(async () => assert.match(await layers.innerText(), /90\.0\/180 MiB/))
      const error = { code: 'Timeout', message: 'i/o timeout' }
      await agent.report([pull('one', image, 'failed', 50, { error })])
      await eventuallyHolds(async () => assert.match(await layers.innerText(), /download not finished/))
    })

    it('keep to the filter of the address', async () => {
      const [a, b] = [new ScriptedAgent(server.url, 'node-a'), new ScriptedAgent(server.url, 'node-b')]
      await a.report([pull('one', image, 'downloading', 10)])
      const page = await open('/?node=node-a&group=none')
      await live(page)
      await b.report([pull('two', image, 'downloading', 10)])
      await a.report([pull('one', image, 'downloading', 20), pull('three', image, 'downloading', 1)])
      await eventually('the third', async () => (await page.locator('.pull').count()) === 2)
      assert.equal(await page.locator(`.pull[data-id="${idOf('two')}"]`).count(), 0)
    })

    it('show 300 rows of many, and all when asked to', async () => {
      const many = Array.from({ length: 400 }, (_, index) => pull(`many${index}`, image, 'downloading', index / 5))
      await new ScriptedAgent(server.url, 'node-a').report(many)
      const page = await open()
      await live(page)
      await eventually('all are counted', async () => (await figure(page, 'active')) === '400')
      assert.equal(await page.locator('.pull').count(), 300)
      assert.match(await page.locator('#rest').innerText(), /100 more/)
      await page.getByRole('link', { name: 'Show all' }).click()
      await live(page)
      await eventually('all rows', async () => (await page.locator('.pull').count()) === 400)
    })

    it('say that the server is away, and go on without a reload when it is back', async () => {
      const address = new URL(server.url).host
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 10)])
      const page = await open()
      await live(page)
      await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }))
      await server.stop()
      await page.waitForSelector('#link[data-link="lost"]')
      assert.match(await page.locator('#link').innerText(), /The server does not answer/)
      server = await startServer({ PULLTRACE_HTTP_ADDR: address })
      await live(page)
      assert.match(await rowText(page, 'one'), /27\.7\/277 MiB/, 'what it had is still there')
      await new ScriptedAgent(server.url, 'node-a').report([pull('one', image, 'downloading', 90)])
      await eventuallyHolds(async () => assert.match(await rowText(page, 'one'), /249\/277 MiB/))
      assert.equal(await page.evaluate(() => 'notReloaded' in globalThis), true)
    })
  })

  it('show hostile names as text, with and without JavaScript', async () => {
    const agent = new ScriptedAgent(server.url, 'node-a')
    const error = { code: 'Unknown', message: hostile }
    const report = async (percent: number) =>
      await agent.report([
        pull('one', `registry.example.com/${hostile}:v1`, 'downloading', percent),
        pull('two', `registry.example.com/${hostile}:v2`, percent > 10 ? 'failed' : 'downloading', 1, {
          ...(percent > 10 && { error }),
        }),
      ])
    await report(10)
    const both = ['one', 'two'].map(name => `/pulls/${idOf(name)}`)
    for (const script of [false, true]) {
      const page = await open('/', { script })
      if (script) await live(page)
      await report(script ? 30 : 20)
      for (const path of ['', '/?group=node', '/history?phase=failed', '/history?groupBy=image', ...both]) {
        if (path !== '') await page.goto(`${server.url}${path}`)
        const text = await page.locator('main').innerText()
        assert.ok(!text.includes('\u202e') && !text.includes('\u001b'), path)
        assert.equal(await page.locator('main img').count(), 0, path)
        assert.match(`${text}`, /<img src=x onerror=alert\(1\)>"'&amp;�gpj\.exe�\[31m/, path)
      }
      await context.close()
    }
  })

  for (const dark of [false, true]) {
    it(`show an end that nobody saw in no colour of success or failure (${dark ? 'dark' : 'light'})`, async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      await agent.report([pull('one', image, 'downloading', 40), pull('two', image, 'downloading', 40)])
      const completedAt = new Date().toISOString()
      await agent.report([pull('one', image, 'failed', 40), { ...pull('two', image, 'unknown', 40), completedAt }])
      const page = await open('/', { dark, script: false })
      const colour = async (part: string) => {
        const fill = await page.evaluate<string>(`getComputedStyle(document.querySelector('${part}')).fill`)
        const parts = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(fill)?.slice(1)
        assert.ok(parts, fill)
        return parts.map(Number)
      }
      const luminance = ([red = 0, green = 0, blue = 0]: number[]) => {
        const [r, g, b] = [red, green, blue].map(one =>
          one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4,
        )
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
      }
      const unseen = `.pull[data-id="${idOf('two')}"]`
      await page.goto(`${server.url}/pulls/${idOf('two')}`)
      const onItsPage = await colour('.pull-state .down')
      await page.goto(server.url)
      assert.deepEqual(await colour(`${unseen} .down`), onItsPage)
      assert.ok(Math.max(...onItsPage) - Math.min(...onItsPage) < 32, `grey, got ${onItsPage}`)
      const [low, high] = [luminance(onItsPage), luminance(await colour(`${unseen} .track`))].sort((a, b) => a - b)
      assert.ok((high! + 0.05) / (low! + 0.05) >= 3, 'seen to end')
    })

    it(`have no serious fault for who cannot see or use a mouse (${dark ? 'dark' : 'light'})`, async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const moving = [pull('one', image, 'downloading', 40), pull('three', image, 'unpacking', 100)]
      await agent.report([...moving, pull('two', image, 'downloading', 10)])
      const error = { code: 'NotFound', message: 'manifest unknown' }
      const unseen = { ...pull('four', image, 'unknown', 50), completedAt: new Date().toISOString() }
      await agent.report([...moving, pull('two', image, 'failed', 10, { error, cached: 1 }), unseen])
      const page = await open('/', { dark })
      await live(page)
      for (const path of [
        '/',
        '/?group=node',
        '/history',
        '/history?groupBy=image',
        '/history?groupBy=hour',
        '/history?since=yesterday&phase=boom',
        '/nodes',
        `/pulls/${idOf('two')}`,
        `/pulls/${idOf('four')}`,
        '/nowhere',
      ]) {
        await page.goto(`${server.url}${path}`)
        assert.deepEqual(await seriousFaults(page), [], path)
      }
    })
  }
})
