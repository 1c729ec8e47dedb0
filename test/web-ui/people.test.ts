import assert from 'node:assert/strict'
import { Browser } from './browser.fake.ts'
import { startWebUi, testPassword, type WebUi } from './start-web-ui.ts'

const own = 'a password of my own'

describe('people of tk-web-ui', function () {
  this.timeout(60_000)
  let ui: WebUi
  before(async () => {
    ui = await startWebUi()
  })
  after(() => ui[Symbol.asyncDispose]())

  it('begins with an admin whose password is printed once and must be changed', async () => {
    const admin = new Browser(ui.url)
    assert.equal((await admin.get('/')).location, '/sign-in')
    assert.equal((await admin.get('/audit?actor=x')).location, '/sign-in?back=%2Faudit%3Factor%3Dx')
    assert.equal((await admin.signIn('Admin', ui.firstPassword)).location, '/password')
    for (const path of ['/', '/users', '/keys']) assert.equal((await admin.get(path)).location, '/password')
    const early = await admin.post('/users', { name: 'eve', role: 'admin' }, '/password')
    assert.equal(early.status, 403)
    const short = await admin.post(
      '/password',
      { current: ui.firstPassword, password: 'short', again: 'short' },
      '/password',
    )
    assert.equal(short.status, 400)
    assert.match(short.text, /must be 12 to 128 characters/)
    const changed = await admin.post('/password', { current: ui.firstPassword, password: own, again: own }, '/password')
    assert.equal(changed.location, '/')
    assert.match((await admin.get('/')).text, /There is no rule yet/)
    assert.equal((await new Browser(ui.url).signIn('admin', ui.firstPassword)).status, 401)
    assert.equal(ui.output().split(ui.firstPassword).length, 2, 'printed more than once')
  })

  it('says the same of an unknown user and of a wrong password', async () => {
    await ui.signIn('known', 'viewer')
    const [wrong, unknown] = await Promise.all(
      ['known', 'nobody'].map(name => new Browser(ui.url).signIn(name, 'not the password')),
    )
    assert.equal(wrong!.status, 401)
    assert.equal(unknown!.status, 401)
    assert.equal(wrong!.text.replaceAll('known', ''), unknown!.text.replaceAll('nobody', ''))
  })

  it('has an admin make, change and delete users', async () => {
    const admin = await ui.signIn('root', 'admin')
    const made = await admin.post('/users', { name: 'Bob', role: 'viewer' }, '/users')
    const password = /password of Bob is <code class="once">([^<]+)</.exec(made.text)![1]!
    const bob = new Browser(ui.url)
    assert.equal((await bob.signIn('bob', password)).location, '/password')
    await bob.post('/password', { current: password, password: own, again: own }, '/password')
    assert.equal((await bob.get('/users')).status, 403)

    const { user } = (await ui.store.users.findByName('bob'))!
    assert.equal((await admin.post('/users', { name: 'BOB', role: 'viewer' }, '/users')).status, 409)
    await admin.post(`/users/${user.id}/role`, { role: 'admin' }, '/users')
    assert.equal((await bob.get('/')).location, '/sign-in', 'another role wants a new session')
    assert.equal((await bob.signIn('bob', own)).location, '/')
    assert.equal((await bob.get('/users')).status, 200)

    const reset = await admin.post(`/users/${user.id}/password`, {}, '/users')
    assert.match(reset.text, /password of Bob is <code class="once">/)
    assert.equal((await bob.get('/')).location, '/sign-in')
    await admin.post(`/users/${user.id}/delete`, {}, '/users')
    assert.equal(await ui.store.users.get(user.id), undefined)
    const log = (await admin.get(`/audit?target=${user.id}`)).text
    for (const action of ['create', 'password', 'role', 'delete'])
      assert.ok(log.includes(`<code>user.${action}</code>`))
  })

  it('lets nobody lock themselves out', async () => {
    const admin = await ui.signIn('root', 'admin')
    const { user } = (await ui.store.users.findByName('root'))!
    for (const [what, fields] of [
      ['role', { role: 'viewer' }],
      ['delete', {}],
      ['password', {}],
    ] as const) {
      const refused = await admin.post(`/users/${user.id}/${what}`, { ...fields }, '/users')
      assert.equal(refused.status, 409)
      assert.match(refused.text, /may not be done to yourself/)
    }
  })

  it('gives a new token at each sign-in and change of password, and ends the old ones', async () => {
    const first = await ui.signIn('carol', 'viewer')
    const second = await ui.signIn('carol', 'viewer')
    const tokenOf = (browser: Browser) => browser.cookies.get('tk_session')
    assert.notEqual(tokenOf(first), tokenOf(second))
    const before = tokenOf(second)!
    const changed = await second.post('/password', { current: testPassword, password: own, again: own }, '/password')
    assert.equal(changed.location, '/password?done')
    assert.notEqual(tokenOf(second), before)
    assert.equal((await second.get('/')).status, 200)
    assert.equal((await first.get('/')).location, '/sign-in')
    // Signing in anew in the same browser ends what it had.
    const old = tokenOf(second)!
    await second.signIn('carol', own)
    second.cookies.set('tk_session', old)
    assert.equal((await second.get('/')).location, '/sign-in')
  })

  it('keeps a session in a cookie that scripts cannot read, for 30 days if asked', async () => {
    await ui.signIn('dave', 'viewer')
    const browser = new Browser(ui.url)
    const [cookie] = (await browser.signIn('dave', testPassword)).headers.getSetCookie()
    assert.match(cookie!, /^tk_session=[\w-]{43}; Path=\/; SameSite=Lax; HttpOnly$/)
    const [kept] = (await browser.signIn('dave', testPassword, { remember: 'yes' })).headers.getSetCookie()
    assert.match(kept!, /; Max-Age=2592000; HttpOnly$/)
    assert.equal((await browser.post('/sign-out', {})).location, '/sign-in')
    assert.equal(browser.cookies.has('tk_session'), false)
  })

  it('leads back to where somebody was, on this host only', async () => {
    await ui.signIn('erin', 'viewer')
    const to = async (back: string) => (await new Browser(ui.url).signIn('erin', testPassword, { back })).location
    assert.equal(await to('/?state=active'), '/?state=active')
    for (const back of ['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)', '/\n/x']) {
      assert.equal(await to(back), '/', back)
    }
  })
})
