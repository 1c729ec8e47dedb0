import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { Browser } from './browser.fake.ts'
import { startWebUi, type WebUi } from './start-web-ui.ts'

const run = promisify(execFile)
const launcher = fileURLToPath(new URL('../../bin/tk-web-ui', import.meta.url))
type Failed = { readonly code: number; readonly stderr: string }

describe('tk-web-ui', function () {
  this.timeout(60_000)
  let ui: WebUi
  before(async () => {
    ui = await startWebUi({ PULLTRACE_PUBLIC_URL: 'http://pulls.example:8080', TK_HTPP_ADDR: ':1' })
  })
  after(() => ui[Symbol.asyncDispose]())

  it('lists rules with what sensors do with them, and finds some of them', async () => {
    const viewer = await ui.signIn('vera', 'viewer')
    await ui.store.rules.change(
      [
        {
          kind: 'create',
          content: ruleContent({ name: 'huge <b>images</b>', state: 'active', action: 'fail', dry_run: true }),
        },
        { kind: 'create', content: ruleContent({ name: 'old', state: 'draft' }) },
      ],
      { name: 'system' },
    )
    const { text } = await viewer.get('/')
    assert.match(text, /1 of 2 active/)
    assert.ok(text.includes('huge &lt;b&gt;images&lt;/b&gt;'))
    assert.ok(text.includes('dry run'))
    assert.ok(text.includes('href="http://pulls.example:8080/"'))
    assert.ok(!text.includes('/api/admin/rules/pause'), 'a viewer is offered nothing that is refused')
    const found = (await viewer.get('/?state=draft')).text
    assert.ok(found.includes('>old<') && !found.includes('huge'))
    assert.ok((await viewer.get('/?text=none')).text.includes('No rule is like that'))
  })

  it('pauses all rules, says so on every page, and goes on', async () => {
    const editor = await ui.signIn('eddie', 'editor')
    const viewer = await ui.signIn('vera', 'viewer')
    const noReason = await editor.post('/api/admin/rules/pause', { why: ' ' })
    assert.equal(noReason.status, 400)
    assert.equal((await editor.post('/api/admin/rules/pause', { why: 'a <i>bad</i> rule' })).location, '/')
    assert.equal((await ui.store.rules.snapshot())!.pause.by, 'user:eddie')
    for (const path of ['/', '/password', '/nothing-here']) {
      const { text } = await editor.get(path)
      assert.match(text, /All rules are paused\.<\/strong>\s+By eddie since/, path)
      assert.ok(text.includes('a &lt;i&gt;bad&lt;/i&gt; rule'), path)
    }
    assert.ok(!(await new Browser(ui.url).get('/sign-in')).text.includes('paused'))
    const status = await viewer.get('/api/admin/rules/status', { accept: 'application/json' })
    const { since, ...said } = JSON.parse(status.text)
    assert.deepEqual(said, {
      paused: true,
      by: 'user:eddie',
      why: 'a <i>bad</i> rule',
      active_rules: 1,
      revision: said.revision,
    })
    assert.ok(Date.parse(since) > 0)
    await editor.post('/api/admin/rules/resume', { back: '/password' })
    assert.ok(!(await editor.get('/')).text.includes('All rules are paused'))
  })

  it('makes API keys that are shown once and are good, and revokes them', async () => {
    const admin = await ui.signIn('root', 'admin')
    const made = await admin.post('/keys', { name: 'nightly' }, '/keys')
    const key = /<code class="once">(tk-v1-[0-9a-f-]+)<\/code>/.exec(made.text)![1]!
    assert.equal(key.length, 103)
    assert.ok(!(await admin.get('/keys')).text.includes(key))
    assert.ok(!ui.output().includes(key))
    const [stored] = await ui.store.keys.list()
    assert.equal(stored?.name, 'nightly')
    assert.equal((await admin.post(`/keys/${stored.id}/revoke`, {}, '/keys')).location, '/keys')
    assert.ok((await ui.store.keys.list())[0]?.revokedAtMs)
    assert.equal((await admin.post('/keys/none/revoke', {}, '/keys')).status, 404)
  })

  it('shows the audit log page by page, and what is asked for of it', async () => {
    const admin = await ui.signIn('root', 'admin')
    for (let at = 0; at < 60; at++) await ui.store.rules.pause(`reason ${at}`, { name: 'user:noisy' })
    await ui.store.rules.resume({ name: 'user:noisy' })
    const first = await admin.get('/audit?actor=user%3Anoisy')
    const next = /rel="next" href="([^"]+)"/.exec(first.text)![1]!.replaceAll('&amp;', '&')
    const second = await admin.get(next)
    assert.ok(first.text.includes('reason 59') && !first.text.includes('reason 0&quot;'))
    assert.ok(second.text.includes('reason 0&quot;') && !second.text.includes('reason 59'))
    const resumed = (await admin.get('/audit?action=rules.resume&actor=user%3Anoisy')).text
    assert.equal(resumed.match(/<code>rules\.resume/g)?.length, 1)
    assert.equal((await admin.get('/audit?cursor=nonsense')).status, 400)
  })

  it('keeps the colours that somebody chose', async () => {
    const browser = new Browser(ui.url)
    assert.equal((await browser.postPlainly('/theme', { theme: 'dark', back: '/sign-in' })).location, '/sign-in')
    assert.match((await browser.get('/sign-in')).text, /<html lang="en" data-theme="dark">/)
  })

  it('says what it does on its other port', async () => {
    const ready = await fetch(`${ui.metricsUrl}/readyz`)
    assert.deepEqual([ready.status, await ready.json()], [200, { status: 'ok' }])
    const text = await ui.metrics()
    assert.match(text, /^trapperkeeper_web_requests_total\{route="\/",method="GET",status="200"\} \d+$/m)
    assert.match(text, /^trapperkeeper_db_up 1$/m)
    assert.ok(!text.includes('nothing-here'))
  })

  it('warns once of a setting that nothing reads, and says which was meant', () => {
    const warnings = ui.output().match(/^.*"msg":"setting not known, nothing reads it".*$/gm) ?? []
    assert.deepEqual(
      warnings.map(line => [JSON.parse(line).level, JSON.parse(line).name, JSON.parse(line).fix]),
      [['warn', 'TK_HTPP_ADDR', 'did you mean TK_HTTP_ADDR?']],
    )
  })

  it('is one on its database, and the second says who has it', async () => {
    const env = { PATH: process.env['PATH'], TK_HTTP_ADDR: '127.0.0.1:0', TK_UI_METRICS_ADDR: '127.0.0.1:0' }
    await assert.rejects(run(launcher, { env: { ...env, TK_DATABASE_URL: ui.databaseFile } }), (error: Failed) => {
      assert.equal(error.code, 75)
      assert.match(error.stderr, /^Another tk-web-ui instance is already running \(pid \d+/)
      return true
    })
  })

  it('names every wrong setting at once, and starts nothing', async () => {
    const wrong = { TK_HTTP_ADDR: 'x', TK_PUBLIC_URL: 'y', TK_TLS_CERT_FILE: '/none', TK_HTTP_ADDRES: 'z' }
    const env = { PATH: process.env['PATH'], ...wrong }
    await assert.rejects(run(launcher, ['--check-settings'], { env }), (error: Failed) => {
      assert.equal(error.code, 2)
      assert.match(error.stderr, /^nothing reads TK_HTTP_ADDRES, it is no setting: did you mean TK_HTTP_ADDR\?$/m)
      for (const name of ['TK_HTTP_ADDR must be', 'TK_PUBLIC_URL must be', 'TK_TLS_CERT_FILE must be']) {
        assert.ok(error.stderr.includes(name), name)
      }
      return true
    })
    await assert.rejects(
      run(launcher, ['--check-settings'], { env: { PATH: process.env['PATH'] } }),
      (error: Failed) => {
        assert.match(error.stderr, /passwords would be sent in clear text/)
        return true
      },
    )
  })

  it('says its version', async () => {
    const { stdout } = await run(launcher, ['--version'], { env: { PATH: process.env['PATH'] } })
    assert.match(stdout, /^tk-web-ui \d+\.\d+\.\d+$/m)
  })

  it('ends in order at SIGTERM', async () => {
    const exitCode = await ui.stop()
    assert.equal(exitCode, 0)
    assert.match(ui.output(), /"msg":"stopping"/)
  })
})
