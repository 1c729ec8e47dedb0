import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../durability/programs.ts'
import { eventually } from '../eventually.ts'
import { Browser } from './browser.fake.ts'
import { startWebUi, testPassword } from './start-web-ui.ts'

const run = promisify(execFile)
const launcher = fileURLToPath(new URL('../../bin/tk-web-ui', import.meta.url))

describe('tk-web-ui where it runs', function () {
  this.timeout(60_000)
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(() => folder[Symbol.dispose]())

  it('keeps people signed in over a restart', async () => {
    const env = { TK_DATABASE_URL: `${folder.path}/tk.db` }
    const first = await startWebUi(env)
    const before = await first.signIn('alice', 'viewer')
    assert.equal(await first.stop(), 0)
    await first[Symbol.asyncDispose]()
    await using second = await startWebUi(env)
    const after = new Browser(second.url)
    for (const [name, value] of before.cookies) after.cookies.set(name, value)
    assert.equal((await after.get('/')).status, 200)
    assert.ok(!second.output().includes('with the password'), 'the first user is made once')
  })

  it('takes the first password from a file, and prints none', async () => {
    writeFileSync(`${folder.path}/password`, 'from the secret of a cluster\n')
    await using ui = await startWebUi({ TK_ADMIN_PASSWORD_FILE: `${folder.path}/password` })
    const admin = new Browser(ui.url)
    await eventually('the first user is made', () => ui.output().includes('first user made'))
    assert.equal((await admin.signIn('admin', 'from the secret of a cluster')).location, '/password')
    assert.ok(!ui.output().includes('from the secret'))
  })

  it('gives a new password by command, also while it serves', async () => {
    await using ui = await startWebUi({ TK_DATABASE_URL: `${folder.path}/tk.db` })
    const alice = await ui.signIn('alice', 'admin')
    const env = { PATH: process.env['PATH'], TK_DATABASE_URL: ui.databaseFile }
    const { stdout } = await run(launcher, ['reset-password', 'ALICE'], { env })
    const password = /is now (\S+) and must be changed/.exec(stdout)![1]!
    assert.equal((await alice.get('/')).location, '/sign-in')
    assert.equal((await new Browser(ui.url).signIn('alice', password)).location, '/password')
    const { items } = await ui.store.audit.search(1, undefined, { action: 'user.password' })
    assert.match(items[0]!.actor, /^cli:/)
    await assert.rejects(run(launcher, ['reset-password', 'nobody'], { env }), {
      code: 1,
      stderr: /there is no user "nobody"/,
    })
    await assert.rejects(run(launcher, ['explode'], { env }), { code: 2 })
  })

  it('says what it was given to say above every page, as text, before sign-in too, and takes no more than a line', async () => {
    const notice = 'Test system: <b>nothing</b> here counts'
    await using ui = await startWebUi({ TK_NOTICE: notice })
    const viewer = await ui.signIn('alice', 'viewer')
    const pages = [await (await fetch(`${ui.url}/sign-in`)).text(), (await viewer.get('/')).text]
    for (const page of pages) assert.ok(page.includes('Test system: &lt;b&gt;nothing&lt;/b&gt; here counts'), page)
    const wrong = run(launcher, [], { env: { PATH: process.env['PATH'], TK_NOTICE: 'x'.repeat(201) } })
    await assert.rejects(wrong, { code: 2, stderr: /TK_NOTICE must be at most 200 characters/ })
  })

  it('behind a proxy with TLS gives cookies for TLS alone, knows its origin, and who asks', async () => {
    await using ui = await startWebUi({ TK_PUBLIC_URL: 'https://rules.example', TK_TRUSTED_PROXIES: '1' })
    await ui.signIn('alice', 'viewer')
    const browser = new Browser(ui.url)
    const proxied = { origin: 'https://rules.example', 'x-forwarded-for': '6.6.6.6, 198.51.100.9' }
    const answer = await browser.postPlainly('/sign-in', { name: 'alice', password: testPassword }, proxied)
    const [cookie] = answer.headers.getSetCookie()
    assert.match(cookie!, /^__Host-tk_session=[\w-]{43}; Path=\/; SameSite=Lax; HttpOnly; Secure$/)
    const { items } = await ui.store.audit.search(1, undefined, { action: 'session.start' })
    assert.equal(items[0]?.address, '198.51.100.9', 'what a client wrote itself is not believed')
    // Without the prefix it is nobody's: a sibling host could have set it.
    const token = browser.cookies.get('__Host-tk_session')!
    browser.cookies.clear()
    browser.cookies.set('tk_session', token)
    assert.equal((await browser.get('/')).location, '/sign-in')
  })

  it('serves TLS by itself', async () => {
    const [key, cert] = ['key', 'crt'].map(name => `${folder.path}/tls.${name}`) as [string, string]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    execFileSync('openssl', ['req', '-x509', '-days', '1', ...curve, '-keyout', key, '-subj', '/CN=x', '-out', cert], {
      stdio: 'ignore',
    })
    await using ui = await startWebUi({ TK_TLS_CERT_FILE: cert, TK_TLS_KEY_FILE: key })
    assert.match(ui.url, /^https:/)
    const body = String(new URLSearchParams({ name: 'admin', password: ui.firstPassword }))
    const headers = { origin: ui.url, 'content-type': 'application/x-www-form-urlencoded' }
    const sent = request(`${ui.url}/sign-in`, { method: 'POST', rejectUnauthorized: false, headers }).end(body)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    answer.resume()
    assert.equal(answer.statusCode, 303)
    assert.match(answer.headers['set-cookie']![0]!, /^__Host-tk_session=.*; Secure$/)
  })

  it('says what is wrong with its database, and stays up', async () => {
    const place = `${folder.path}/is-a-folder`
    mkdirSync(place)
    await using ui = await startWebUi({ TK_DATABASE_URL: place })
    const browser = new Browser(ui.url)
    assert.equal((await browser.get('/sign-in')).status, 200)
    const answer = await browser.signIn('admin', 'x')
    assert.equal(answer.status, 503)
    assert.match(answer.text, /Not available right now/)
    const ready = await fetch(`${ui.metricsUrl}/readyz`)
    assert.equal(ready.status, 503)
    assert.equal(((await ready.json()) as { error: string }).error, 'database connection failed')
    assert.match(await ui.metrics(), /^trapperkeeper_db_up 0$/m)
  })
})
