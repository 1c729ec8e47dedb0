import assert from 'node:assert/strict'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, eventId, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import { seriousFaults } from '../pages/axe.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { startWebUi, testPassword, type WebUi } from './start-web-ui.ts'

describe('tk-web-ui in a browser', function () {
  this.timeout(90_000)
  let ui: WebUi
  let real: RealBrowser
  const hostile = '<img src=x onerror="document.title=1">\u202e'

  before(async () => {
    ;[ui, real] = await Promise.all([startWebUi({ PULLTRACE_PUBLIC_URL: 'http://pulls.example' }), startBrowser()])
    const content = ruleContent({ name: hostile, state: 'active' })
    const [rule] = await ui.store.rules.change([{ kind: 'create', content }], { name: 'system' })
    const events = Array.from({ length: 3 }, (_, n) =>
      sensorEvent(n, { ruleId: rule!.rule_id, receivedAtMs: Date.now() - n, recordJson: JSON.stringify({ hostile }) }),
    )
    await ui.store.events.append(eventBatch(events, { tags: ['production'] }))
    const admin = await ui.signIn('root', 'admin')
    await admin.post('/keys', { name: '<b>key</b>' }, '/keys')
  })
  after(async () => {
    await real?.stop()
    await ui?.[Symbol.asyncDispose]()
  })

  /** A page of somebody who is signed in by keyboard alone; `faults` is all that the browser complained of. */
  async function open(options: Parameters<RealBrowser['browser']['newContext']>[0]) {
    const context = await real.browser.newContext(options)
    const page = await context.newPage()
    const faults: string[] = []
    page.on('console', message => message.type() === 'error' && faults.push(message.text()))
    page.on('pageerror', error => faults.push(String(error)))
    page.on('request', request => request.url().startsWith(ui.url) || faults.push(`asked ${request.url()}`))
    await page.goto(`${ui.url}/events`)
    // The browser focuses it with its first frame, which may come after the page.
    await page.locator('#name:focus').waitFor()
    await page.keyboard.type('root')
    await page.keyboard.press('Tab')
    await page.keyboard.type(testPassword)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${ui.url}/events`)
    return { context, page, faults }
  }

  const paths = [
    '/',
    '/events',
    `/events/${eventId(1)}`,
    '/keys',
    '/users',
    '/audit',
    '/retention',
    '/budgets',
    '/events/delete?within=30d',
    '/password',
    '/nothing',
  ]

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has no serious fault for who cannot see or use a mouse, in the ${colorScheme} theme, paused or not`, async () => {
      const { context, page, faults } = await open({ colorScheme })
      await ui.store.rules.pause('why', { name: 'user:root' })
      for (const path of paths) {
        const answer = await page.goto(`${ui.url}${path}`)
        await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert.deepEqual(await seriousFaults(page), [], `${path} ${answer?.status()}`)
      }
      await ui.store.rules.resume({ name: 'user:root' })
      await context.clearCookies()
      await page.goto(`${ui.url}/sign-in`)
      assert.deepEqual(await seriousFaults(page), [])
      // A page that is not there says so by its status, which the browser notes.
      assert.deepEqual(
        faults.filter(fault => !/status of 404/.test(fault)),
        [],
      )
      await context.close()
    })
  }

  it('shows what means harm as text, fits a phone, and tells times in the zone of the reader', async () => {
    const { context, page, faults } = await open({ viewport: { width: 390, height: 800 }, timezoneId: 'Asia/Tokyo' })
    for (const path of paths.slice(0, -1)) {
      await page.goto(`${ui.url}${path}`)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      assert.ok((width as number) <= 390, `${path} is ${width} wide`)
      assert.equal(await page.locator('main img').count(), 0, path)
    }
    await page.goto(`${ui.url}/events`)
    assert.ok((await page.locator('tbody tr').first().innerText()).includes('<img src=x'))
    const time = page.locator('tbody time').first()
    const at = new Date((await time.getAttribute('datetime'))!)
    const hour = new Intl.DateTimeFormat('en-US', { timeZone: 'Asia/Tokyo', hour: '2-digit' }).format(at).slice(0, 2)
    assert.ok((await time.innerText()).includes(`${hour}:`))
    assert.match((await time.getAttribute('title'))!, / UTC$/)
    assert.match(await page.locator('footer').innerText(), /Asia\/Tokyo/)
    assert.deepEqual(faults, [])
    await context.close()
  })

  it('works by forms alone without JavaScript: pause, resume, colours, sign-out', async () => {
    const { context, page } = await open({ javaScriptEnabled: false })
    await page.goto(ui.url)
    await page.locator('summary', { hasText: 'Pause all rules' }).click()
    await page.getByLabel('Why').fill('trying it')
    await page.getByRole('button', { name: 'Pause all rules' }).click()
    assert.match(await page.locator('.banner').innerText(), /All rules are paused\. By root since .+ UTC: trying it/)
    await page.goto(`${ui.url}/audit`)
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.waitForLoadState()
    assert.equal(page.url(), `${ui.url}/audit`)
    assert.equal(await page.locator('.banner').count(), 0)
    await page.getByRole('button', { name: 'Dark' }).click()
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(`${ui.url}/sign-in`)
    await page.goBack()
    await page.reload()
    assert.match(page.url(), /\/sign-in/)
    await context.close()
  })
})
