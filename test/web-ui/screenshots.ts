import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, eventId, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import { startBrowser } from '../stream/browser.ts'
import { startWebUi, testPassword } from './start-web-ui.ts'

/** `node test/web-ui/screenshots.ts`: pictures of the pages of tk-web-ui, light, dark and on a phone. */
const folder = fileURLToPath(new URL('../../docs/screenshots', import.meta.url))

const pages: readonly (readonly [name: string, path: string])[] = [
  ['rules', '/'],
  ['events', '/events'],
  ['event', `/events/${eventId(3)}`],
  ['keys', '/keys'],
  ['users', '/users'],
  ['audit', '/audit'],
  ['retention', '/retention'],
  ['delete-events', '/events/delete?within=24h&action=observe'],
  ['budgets', '/budgets'],
]
const looks = [
  { name: 'light', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 900 },
  { name: 'phone', colorScheme: 'light', width: 390, height: 844 },
] as const
const rules = [
  { name: 'Huge image', state: 'active', action: 'observe' },
  { name: 'Forbidden registry', state: 'active', action: 'fail', dry_run: true },
  { name: 'Unpinned tag', state: 'draft', action: 'observe' },
  { name: 'Slow pull', state: 'disabled', action: 'observe' },
] as const

await mkdir(folder, { recursive: true })
await using ui = await startWebUi({ PULLTRACE_PUBLIC_URL: 'http://localhost:8080' })
const by = { name: 'user:margaret', address: '192.0.2.7' }
const made = await ui.store.rules.change(
  rules.map(parts => ({ kind: 'create', content: ruleContent(parts) })),
  by,
)
const nowMs = Date.now()
const record = (n: number) => ({
  registry: 'docker.io',
  repository: 'shop/web',
  tag: `1.${n}`,
  bytes: 3_000_000_000 + n,
})
await ui.store.events.append(
  eventBatch(
    Array.from({ length: 70 }, (_, n) => {
      const rule = made[n % 3 === 0 ? 1 : 0]!
      return sensorEvent(n, {
        ruleId: rule.rule_id,
        matchedPath: n % 3 === 0 ? ['registry'] : ['bytes'],
        matchedValueJson: n % 3 === 0 ? '"docker.io"' : String(record(n).bytes),
        recordJson: JSON.stringify(record(n)),
        ...{ receivedAtMs: nowMs - n * 17_000, clientAtMs: nowMs - n * 17_000 - 40 },
      })
    }),
  ),
)
await ui.store.events.noteRetention({ keepMs: 720 * 3_600_000, maxBytes: 10 * 1024 ** 3, byAge: 1204, bySize: 0 })
const admin = await ui.signIn('margaret', 'admin')
for (const name of ['nightly-import', 'pulltrace-server']) await admin.post('/keys', { name }, '/keys')
for (const [name, role] of [
  ['bob', 'editor'],
  ['carol', 'viewer'],
] as const)
  await ui.signIn(name, role)

const running = await startBrowser()
try {
  for (const { name: look, colorScheme, width, height } of looks) {
    const context = await running.browser.newContext({
      ...{ colorScheme, viewport: { width, height }, timezoneId: 'Europe/Madrid', locale: 'en-GB' },
    })
    const page = await context.newPage()
    page.on('console', message => console.error(`${look}: ${message.text()}`))
    page.on('pageerror', error => console.error(`${look}: ${error}`))
    await page.goto(`${ui.url}/sign-in`)
    await page.screenshot({ path: path.join(folder, `sign-in-${look}.png`) })
    await page.getByLabel('User name').fill('margaret')
    await page.getByLabel('Password').fill(testPassword)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${ui.url}/`)
    for (const [name, address] of pages) {
      await page.goto(`${ui.url}${address}`)
      await page.screenshot({ path: path.join(folder, `${name}-${look}.png`) })
    }
    await context.close()
  }
} finally {
  await running.stop()
}
