import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Browser } from './browser.fake.ts'
import { startWebUi, testPassword, type WebUi } from './start-web-ui.ts'

describe('tk-web-ui under attack', function () {
  this.timeout(60_000)
  let ui: WebUi
  before(async () => {
    ui = await startWebUi()
  })
  after(() => ui[Symbol.asyncDispose]())

  const counted = async (metric: string) =>
    Number(new RegExp(`^${metric.replace(/[{}]/g, '\\$&')} (\\d+)$`, 'm').exec(await ui.metrics())?.[1])
  const refused = (reason: string) => counted(`trapperkeeper_web_refused_total{reason="${reason}"}`)
  const paused = async () => (await ui.store.rules.snapshot())!.pause.paused

  it('refuses a cookie that it did not give, and counts it', async () => {
    const before = await refused('unknown_session')
    const forged = ['x', '', "' OR 1=1 --", randomBytes(32).toString('base64url'), 'A'.repeat(5000), '%00']
    for (const cookie of forged) {
      const browser = new Browser(ui.url)
      browser.cookies.set('tk_session', cookie)
      assert.equal((await browser.get('/users')).location, '/sign-in?back=%2Fusers', cookie)
    }
    assert.equal((await refused('unknown_session')) - before, forged.length - 1)
  })

  it('takes no session that somebody planted before a sign-in', async () => {
    await ui.signIn('alice', 'viewer')
    const planted = randomBytes(32).toString('base64url')
    const browser = new Browser(ui.url)
    browser.cookies.set('tk_session', planted)
    await browser.signIn('alice', testPassword)
    assert.notEqual(browser.cookies.get('tk_session'), planted)
    browser.cookies.set('tk_session', planted)
    assert.equal((await browser.get('/')).location, '/sign-in')
  })

  it('refuses a form without the token of its session, or with that of another', async () => {
    const editor = await ui.signIn('eddie', 'editor')
    const other = await ui.signIn('olga', 'editor')
    const before = await refused('csrf')
    const foreign = (await other.csrf())!
    for (const fields of [
      { why: 'x' },
      { why: 'x', csrf: '' },
      { why: 'x', csrf: 'x'.repeat(43) },
      { why: 'x', csrf: foreign },
    ]) {
      assert.equal((await editor.postPlainly('/api/admin/rules/pause', fields)).status, 403)
    }
    assert.equal((await refused('csrf')) - before, 4)
    assert.equal(await paused(), false)
  })

  it('refuses what another site sends, even with the right token', async () => {
    const editor = await ui.signIn('eddie', 'editor')
    const csrf = (await editor.csrf())!
    const before = await refused('cross_site')
    const foreign = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: '' },
      { origin: '', referer: 'https://evil.example/' },
      { origin: `${ui.url}.evil.example` },
      { origin: ui.url, 'sec-fetch-site': 'cross-site' },
    ]
    for (const headers of foreign) {
      const answer = await editor.postPlainly('/api/admin/rules/pause', { why: 'x', csrf }, headers)
      assert.equal(answer.status, 403, JSON.stringify(headers))
    }
    const signIn = await new Browser(ui.url).postPlainly(
      '/sign-in',
      { name: 'eddie', password: testPassword },
      { origin: 'https://evil.example' },
    )
    assert.equal(signIn.status, 403)
    assert.equal((await refused('cross_site')) - before, foreign.length + 1)
    assert.equal(await paused(), false)
  })

  it('lets a role do what is its own by no address and no method', async () => {
    const { user } = (await ui.store.users.findByName('admin'))!
    const viewer = await ui.signIn('vera', 'viewer')
    const csrf = (await viewer.csrf())!
    const before = await refused('role')
    const forms = [
      ...[
        '/api/admin/rules/pause',
        '/api/admin/rules/resume',
        '/keys',
        '/keys/x/revoke',
        '/users',
        '/events/delete',
        '/budgets',
      ],
      ...['role', 'password', 'delete'].map(what => `/users/${user.id}/${what}`),
    ]
    const tricks = ['/keys/', '/KEYS', '/%6beys', '/keys?x', '/users/%2e%2e/users']
    for (const path of [...forms, ...tricks]) {
      const answer = await viewer.postPlainly(path, { csrf, why: 'x', name: 'x', role: 'admin' })
      assert.ok([403, 404, 405].includes(answer.status), `${path}: ${answer.status}`)
    }
    for (const path of ['/keys', '/users', '/audit', '/retention', '/events/delete', '/budgets'])
      assert.equal((await viewer.get(path)).status, 403)
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await viewer.send('/users', { method, headers: { origin: ui.url } })
      assert.equal(answer.status, 405, method)
    }
    assert.ok((await refused('role')) - before >= forms.length + 3)
    assert.equal(await paused(), false)
    assert.deepEqual(await ui.store.keys.list(), [])
    assert.equal((await ui.store.users.get(user.id))?.user.role, 'admin')
  })

  it('changes nothing by a GET', async () => {
    const admin = await ui.signIn('root', 'admin')
    const { items } = await ui.store.audit.search(1)
    for (const path of ['/api/admin/rules/pause?why=x', '/keys?name=x', '/sign-out', '/users?name=x&role=admin']) {
      await admin.get(path)
    }
    assert.deepEqual((await ui.store.audit.search(1)).items, items)
  })

  it('stops a guesser after five wrong passwords, also when they come at once and when the sixth is right', async () => {
    await ui.signIn('target', 'admin')
    const before = await counted('trapperkeeper_web_sign_ins_total{result="blocked"}')
    const guesses = Array.from({ length: 12 }, (_, at) => new Browser(ui.url).signIn('TARGET', `wrong ${at}`))
    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    assert.equal(statuses.filter(status => status === 401).length, 5)
    assert.equal(statuses.filter(status => status === 429).length, 7)
    const right = await new Browser(ui.url).signIn('target', testPassword)
    assert.equal(right.status, 429)
    assert.match(right.text, /try again in 15 minutes/i)
    assert.ok(Number(right.headers.get('retry-after')) > 800)
    assert.equal((await counted('trapperkeeper_web_sign_ins_total{result="blocked"}')) - before, 8)
    const { items } = await ui.store.audit.search(5, undefined, { action: 'session.blocked' })
    assert.deepEqual(
      items.map(({ target }) => target),
      ['TARGET'],
    )
    assert.equal((await ui.signIn('somebody-else', 'viewer')).cookies.size, 1)
  })

  it('refuses forms that are too large or are no forms', async () => {
    const browser = new Browser(ui.url)
    const send = (body: string | Buffer<ArrayBuffer>, type: string) =>
      browser.send('/sign-in', { method: 'POST', body, headers: { origin: ui.url, 'content-type': type } })
    const form = 'application/x-www-form-urlencoded'
    assert.equal((await send(`name=${'x'.repeat(20_000)}`, form)).status, 413)
    assert.equal((await send('{}', 'application/json')).status, 415)
    assert.equal((await send(Buffer.from([0x6e, 0x3d, 0xff]), form)).status, 400)
  })

  it('shows names that mean harm as text', async () => {
    const admin = await ui.signIn('root', 'admin')
    const name = '<img src=x onerror=alert(1)>"\'&'
    assert.equal((await admin.post('/users', { name, role: 'viewer' }, '/users')).status, 200)
    await admin.post('/keys', { name }, '/keys')
    for (const path of ['/users', '/keys', '/audit']) {
      const { text, headers } = await admin.get(path)
      assert.ok(text.includes('&lt;img src=x'), path)
      assert.ok(!text.includes('<img'), path)
      assert.match(headers.get('content-security-policy')!, /default-src 'none'; script-src 'self'/)
    }
    for (const hidden of ['a\u202eb', 'a\u0000b', ' a', 'a\u001b[31m', '']) {
      assert.equal((await admin.post('/users', { name: hidden, role: 'viewer' }, '/users')).status, 400)
      assert.equal((await admin.post('/audit', { name: hidden }, '/users')).status, 405)
    }
    const again = await admin.postPlainly('/sign-in', { name: '"><script>alert(1)</script>', password: 'x' })
    assert.ok(!again.text.includes('<script>alert'))
  })

  it('stops one that tries a password on everybody', async function () {
    this.timeout(60_000)
    const spray = Array.from({ length: 60 }, (_, at) => `victim-${at}`)
    const statuses: number[] = []
    for (const name of spray) statuses.push((await new Browser(ui.url).signIn(name, 'Winter2026!!')).status)
    assert.ok(statuses.includes(429))
    assert.equal(statuses.at(-1), 429)
    assert.ok(statuses.filter(status => status === 401).length <= 50)
  })
})
