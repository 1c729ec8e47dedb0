import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RuleContent } from '../../core/rules/rule.ts'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, eventId, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import { startBrowser } from '../stream/browser.ts'
import { startWebUi, testPassword } from './start-web-ui.ts'

/** `node test/web-ui/rules-screenshots.ts`: pictures of the pages of one rule, light, dark and on a phone. */
const folder = fileURLToPath(new URL('../../docs/screenshots', import.meta.url))
const looks = [
  { name: 'light', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 900 },
  { name: 'phone', colorScheme: 'light', width: 390, height: 844 },
] as const

const [condition] = ruleContent().any[0]!.all
const slow: RuleContent = ruleContent({
  name: 'Pull slower than a minute',
  description: 'Tell the registry team.\nThen look at the node.',
  ...{ dry_run: true, action: 'fail', scope: { tags: ['pulls'], exclude_tags: ['env:dev'] } },
  any: [
    {
      all: [
        { ...condition!, field: ['durations', 'total'], op: 'gt', field_type: 'numeric', value: 60 },
        { ...condition!, field: ['registry'], op: 'in', field_type: 'text', value: ['docker.io', 'ghcr.io'] },
      ],
    },
    {
      all: [{ ...condition!, field: ['pods', '*', 'namespace'], op: 'eq', field_type: 'text', value: 'production' }],
    },
  ],
})

await mkdir(folder, { recursive: true })
await using ui = await startWebUi()
const by = { name: 'user:olga' }
const [rule] = await ui.store.rules.change([{ kind: 'create', content: { ...slow, sample_rate: 0.1 } }], by)
const ruleId = rule!.rule_id
await ui.store.rules.change([{ kind: 'update', ruleId, basedOn: 1, content: slow }], by)
const nowMs = Date.now()
const events = Array.from({ length: 40 }, (_, n) =>
  sensorEvent(n, {
    ...{ ruleId, receivedAtMs: nowMs - n * 17_000 },
    recordJson: JSON.stringify({
      ...{ registry: n % 3 === 0 ? 'quay.io' : 'docker.io', repository: 'shop/web', durations: { total: 30 + n } },
      pods: [{ namespace: n % 7 === 0 ? 'production' : 'dev', name: 'web-0' }],
    }),
  }),
)
await ui.store.events.append(eventBatch(events, { tags: ['pulls'] }))
await ui.signIn('margaret', 'editor')

const running = await startBrowser()
try {
  for (const { name: look, colorScheme, width, height } of looks) {
    const context = await running.browser.newContext({
      ...{ colorScheme, viewport: { width, height }, timezoneId: 'Europe/Madrid', locale: 'en-GB' },
    })
    const page = await context.newPage()
    page.on('console', message => console.error(`${look}: ${message.text()}`))
    page.on('pageerror', error => console.error(`${look}: ${error}`))
    const shoot = (name: string) => page.screenshot({ path: path.join(folder, `${name}-${look}.png`) })
    await page.goto(`${ui.url}/sign-in`)
    await page.getByLabel('User name').fill('margaret')
    await page.getByLabel('Password').fill(testPassword)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${ui.url}/`)
    for (const [name, address] of [
      ['rule', `/rules/${ruleId}`],
      ['rule-edit', `/rules/${ruleId}/edit`],
      ['rule-yaml', `/rules/${ruleId}/edit?view=yaml`],
      ['rule-versions', `/rules/${ruleId}/versions`],
      ['rule-backtest', `/rules/${ruleId}/backtest`],
      ['playground', `/playground?event=${eventId(35)}`],
    ] as const) {
      await page.goto(`${ui.url}${address}`)
      await shoot(name)
    }
    await page.goto(`${ui.url}/rules/${ruleId}/edit`)
    await page.getByLabel('Name', { exact: true }).fill('Pull slower than two minutes')
    const basedOn = (await ui.store.rules.get(ruleId))!.version
    const theirs = { ...slow, name: 'Slow pull', sample_rate: 0.5 }
    await ui.store.rules.change([{ kind: 'update', ruleId, basedOn, content: theirs }], by)
    await page.getByRole('button', { name: 'Save' }).click()
    await shoot('rule-conflict')
    await ui.store.rules.change([{ kind: 'update', ruleId, basedOn: basedOn + 1, content: slow }], by)
    await context.close()
  }
} finally {
  await running.stop()
}
