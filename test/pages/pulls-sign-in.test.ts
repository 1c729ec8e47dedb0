import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { eventuallyHolds } from '../eventually.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { seriousFaults } from './axe.ts'
import { pull, ScriptedAgent } from './cluster.fake.ts'

const token = 'reader-token-of-the-pages'
const settings = { PULLTRACE_READER_AUTH: 'token', PULLTRACE_READER_TOKEN: token }
const html = { accept: 'text/html,application/xhtml+xml' }

describe('signing in to the pages of pulltrace-server', function () {
  this.timeout(60_000)
  let server: RunningServer

  beforeEach(async () => {
    server = await startServer(settings)
  })
  afterEach(() => server.stop())

  const get = (at: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${at}`, { headers: { ...html, ...headers }, redirect: 'manual' })
  const send = (at: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${at}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: { ...html, origin: server.url, ...headers },
      redirect: 'manual',
    })
  const cookieIn = (answer: Response) => answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const signIn = async () => cookieIn(await send('/sign-in', { token, back: '/' }))
  const csrfIn = (page: string) => /name="csrf" value="([^"]+)"/.exec(page)![1]!

  it('is asked of who has no session, on every page, and leads back', async () => {
    for (const at of ['/?group=node', '/history', '/nodes', '/pulls/x']) {
      const answer = await get(at)
      assert.equal(answer.status, 303)
      assert.equal(answer.headers.get('location'), `/sign-in?back=${encodeURIComponent(at)}`)
    }
    const answer = await send('/sign-in', { token, back: '/?group=node' })
    assert.equal(answer.headers.get('location'), '/?group=node')
    const [cookie] = answer.headers.getSetCookie()
    assert.match(cookie!, /^pulltrace-session=[\w-]+; Path=\/; SameSite=Lax; Max-Age=43200; HttpOnly$/)
  })

  it('lets the same cookie read page, API and stream, and nothing without it', async () => {
    const cookie = await signIn()
    const stop = new AbortController()
    for (const at of ['/', '/api/v1/pulls', '/pages/images?image=x', '/api/v1/events']) {
      const answer = await fetch(`${server.url}${at}`, { headers: { cookie }, signal: stop.signal })
      assert.equal(answer.status, 200, at)
      const without = await fetch(`${server.url}${at}`, { redirect: 'manual' })
      assert.equal(without.status, at === '/' ? 303 : 401, at)
      await without.body?.cancel()
    }
    stop.abort()
  })

  it('refuses forged, cut and foreign cookies, and keeps none that a stranger brought', async () => {
    const good = await signIn()
    const value = good.split('=')[1]!
    const flipped = `${value.slice(0, 40)}${value[40] === 'A' ? 'B' : 'A'}${value.slice(41)}`
    for (const forged of ['x', flipped, value.slice(0, -2), '', 'a'.repeat(5000), `${value}.${value}`]) {
      assert.equal((await get('/pages/images', { cookie: `pulltrace-session=${forged}` })).status, 401, forged)
    }
    const planted = await send('/sign-in', { token }, { cookie: 'pulltrace-session=planted' })
    assert.notEqual(cookieIn(planted), 'pulltrace-session=planted')
    assert.notEqual(cookieIn(planted), good, 'each sign-in is a session of its own')
  })

  it('outlives a restart, and ends when the token is replaced', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'pulltrace-sessions-'))
    try {
      const statuses: number[] = []
      let cookie = ''
      for (const now of [token, token, 'another-token-of-the-readers']) {
        await server.stop()
        server = await startServer({ ...settings, PULLTRACE_READER_TOKEN: now, PULLTRACE_DATA_DIR: dataDir })
        cookie ||= await signIn()
        statuses.push((await get('/pages/images', { cookie })).status)
      }
      assert.deepEqual(statuses, [200, 200, 401])
      assert.equal((await stat(path.join(dataDir, 'session.key'))).mode & 0o777, 0o600)
    } finally {
      // It writes until it stops.
      await server.stop()
      await rm(dataDir, { recursive: true })
    }
  })

  it('ends by signing out, which another site cannot do', async () => {
    const cookie = await signIn()
    const page = await (await get('/', { cookie })).text()
    assert.equal((await send('/sign-out', {}, { cookie })).status, 403, 'a form without its token')
    assert.equal((await get('/', { cookie })).status, 200)
    const answer = await send('/sign-out', { csrf: csrfIn(page) }, { cookie })
    assert.equal(answer.status, 303)
    assert.match(answer.headers.getSetCookie()[0]!, /^pulltrace-session=; .*Max-Age=0/)
    assert.equal((await get('/pages/images', { cookie })).status, 401, 'also for who kept the cookie')
  })

  it('is refused from other sites, to wrong tokens, and soon to who tries many', async () => {
    const cross = await send('/sign-in', { token }, { origin: 'https://evil.example.com' })
    assert.equal(cross.status, 403)
    const away = await send('/sign-in', { token, back: '//evil.example.com' })
    assert.equal(away.headers.get('location'), '/')
    for (let count = 0; count < 10; count++) {
      const wrong = await send('/sign-in', { token: `wrong-${count}` })
      assert.equal(wrong.status, 401)
      assert.match(await wrong.text(), /That token is not valid/)
    }
    const limited = await send('/sign-in', { token })
    assert.equal(limited.status, 429)
    assert.ok(Number(limited.headers.get('retry-after')) > 800)
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    assert.match(metrics, /pulltrace_sign_ins_total\{result="refused"\} 10/)
    assert.match(metrics, /pulltrace_sign_ins_total\{result="limited"\} 1/)
  })

  it('is not there where everybody may read', async () => {
    await using open = await startServer()
    const answer = await fetch(`${open.url}/sign-in?back=/nodes`, { headers: html, redirect: 'manual' })
    assert.equal(answer.headers.get('location'), '/nodes')
    assert.doesNotMatch(await (await fetch(open.url, { headers: html })).text(), /Sign out/)
  })

  describe('in a browser', () => {
    let chromium: RealBrowser
    before(async function () {
      this.timeout(120_000)
      chromium = await startBrowser()
    })
    after(() => chromium?.stop())

    it('is done by keyboard, makes the page live, and is undone', async () => {
      const agent = new ScriptedAgent(server.url, 'node-a')
      const image = 'registry.example.com/shop/checkout:v2'
      await agent.report([pull('one', image, 'downloading', 10)])
      const page = await chromium.browser.newPage()
      await page.goto(`${server.url}/?group=node`)
      assert.deepEqual(await seriousFaults(page), [])
      // The browser focuses it with its first frame, which may come after the page.
      await page.locator('input:focus').waitFor()
      await page.keyboard.type('nonsense')
      await page.keyboard.press('Enter')
      await page.waitForSelector('#fault')
      await page.getByLabel('Reader token').fill(token)
      await page.keyboard.press('Enter')
      await page.waitForSelector('#link[data-link="live"]')
      assert.match(page.url(), /\?group=node$/)
      await agent.report([pull('one', image, 'downloading', 60)])
      await eventuallyHolds(async () => assert.match(await page.locator('.pull').innerText(), /166\/277 MiB/))
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.waitForURL('**/sign-in')
      await page.goto(server.url)
      assert.match(page.url(), /\/sign-in/)
      await page.close()
    })
  })
})
