import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { Rule } from '../../core/rules/rule.ts'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, eventId, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import { seriousFaults } from '../pages/axe.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { startWebUi, testPassword, type WebUi } from './start-web-ui.ts'

/** In the page: how much wider it is than the window. */
const beyondWidth = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

describe('the pages of rules in Chromium', function () {
  this.timeout(120_000)
  let ui: WebUi
  let real: RealBrowser
  let rule: Rule
  before(async () => {
    ui = await startWebUi()
    await ui.signIn('eddie', 'editor')
    const [condition] = ruleContent().any[0]!.all
    const any = [
      { all: [condition!, { ...condition!, field: ['pods', '*', 'namespace'], field_type: 'text', value: 'x' }] },
    ]
    const change = { kind: 'create', content: ruleContent({ any } as Partial<Rule>) } as const
    rule = (await ui.store.rules.change([change], { name: 'user:olga' }))[0]!
    const content = ruleContent({ sample_rate: 0.5 })
    const update = { kind: 'update', ruleId: rule.rule_id, basedOn: 1, content } as const
    await ui.store.rules.change([update], { name: 'user:olga' })
    const event = sensorEvent(1, { ruleId: rule.rule_id, recordJson: '{"pinned":false}' })
    await ui.store.events.append(eventBatch([event]))
    real = await startBrowser()
  })
  after(async () => {
    await real?.stop()
    await ui?.[Symbol.asyncDispose]()
  })

  async function signedIn(options: Parameters<RealBrowser['browser']['newContext']>[0]): Promise<Page> {
    const context = await real.browser.newContext(options)
    const page = await context.newPage()
    await page.goto(`${ui.url}/sign-in`)
    await page.fill('[name=name]', 'eddie')
    await page.fill('[name=password]', testPassword)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${ui.url}/`)
    return page
  }

  it('makes a rule by keyboard and mouse; Enter in a field checks and stores nothing', async () => {
    const page = await signedIn({ javaScriptEnabled: false })
    await page.goto(`${ui.url}/rules/new`)
    await page.getByLabel('Name', { exact: true }).fill('by hand')
    await page.getByLabel('Field', { exact: true }).fill('pinned')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    assert.match(await page.getByRole('alert').innerText(), /nothing was stored/)
    await page.getByLabel('Compared').selectOption('boolean')
    await page.getByLabel('Value', { exact: true }).fill('false')
    await page.getByRole('button', { name: 'Add a condition (and)' }).click()
    await page.getByRole('button', { name: 'Remove this condition' }).last().click()
    await page.getByLabel('Try it on a record').fill('{"pinned": false}')
    await page.getByRole('button', { name: 'Try the record' }).click()
    assert.match(await page.locator('#result').innerText(), /It matches: as a dry run it is only observed/)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/\/rules\/[0-9a-f-]{36}\?done=created$/)
    const made = (await ui.store.rules.list()).find(({ name }) => name === 'by hand')
    assert.deepEqual(made?.any, ruleContent().any)
    await page.context().close()
  })

  for (const theme of ['light', 'dark'] as const) {
    it(`has no serious fault for people who cannot see well, in the ${theme} theme`, async () => {
      const page = await signedIn({ colorScheme: theme })
      const path = `/rules/${rule.rule_id}`
      for (const address of [
        ...['/rules/new', '/rules/new?view=yaml', path, `${path}/edit`, `${path}/versions`, `${path}/backtest`],
        `/playground?event=${eventId(1)}`,
      ]) {
        await page.goto(`${ui.url}${address}`)
        if (address === '/rules/new') {
          await page.getByRole('button', { name: 'Save' }).click()
          await page.getByRole('alert').first().waitFor()
          await page.waitForLoadState()
        }
        assert.deepEqual(await seriousFaults(page), [], address)
      }
      await page.context().close()
    })
  }

  it('fits a phone: no page scrolls sideways', async () => {
    const page = await signedIn({ viewport: { width: 360, height: 740 } })
    const path = `/rules/${rule.rule_id}`
    for (const address of ['/rules/new', path, `${path}/edit`, `${path}/versions`, `${path}/backtest`, '/playground']) {
      await page.goto(`${ui.url}${address}`)
      const beyond = await page.evaluate(beyondWidth)
      assert.equal(beyond, 0, address)
    }
    await page.goto(`${ui.url}${path}/edit`)
    const { rule_id: ruleId, version: basedOn } = (await ui.store.rules.get(rule.rule_id))!
    const theirs = { kind: 'update', ruleId, basedOn, content: ruleContent({ name: 'a'.repeat(128) }) } as const
    await ui.store.rules.change([theirs], { name: 'user:olga' })
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').first().waitFor()
    await page.waitForLoadState()
    assert.equal(await page.evaluate(beyondWidth), 0, 'the page of a conflict')
    await page.context().close()
  })
})
