import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../server/pulltrace/start-server.fake.ts'
import { startBrowser } from '../stream/browser.ts'
import { idOf, rollout } from './cluster.fake.ts'

/** `node test/pages/screenshots.ts`: pictures of every page of pulltrace-server, light, dark and on a phone. */
const folder = fileURLToPath(new URL('../../docs/screenshots', import.meta.url))

const pages: readonly (readonly [name: string, path: string])[] = [
  ['live', '/'],
  ['live-by-node', '/?group=node'],
  ['pull', `/pulls/${idOf('shop1')}`],
  ['history', '/history'],
  ['history-by-image', '/history?groupBy=image'],
  ['history-by-hour', '/history?groupBy=hour'],
  ['nodes', '/nodes'],
]
const looks = [
  { name: 'light', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 900 },
  { name: 'phone', colorScheme: 'light', width: 390, height: 844 },
] as const

await mkdir(folder, { recursive: true })
await using server = await startServer()
const running = await startBrowser()
try {
  await rollout(server.url)
  for (const { name: look, colorScheme, width, height } of looks) {
    const context = await running.browser.newContext({
      colorScheme,
      viewport: { width, height },
      timezoneId: 'Europe/Madrid',
      locale: 'en-GB',
    })
    const page = await context.newPage()
    page.on('console', message => console.error(`${look}: ${message.text()}`))
    page.on('pageerror', error => console.error(`${look}: ${error}`))
    for (const [name, address] of pages) {
      await page.goto(`${server.url}${address}`)
      if (name.startsWith('live')) await page.waitForSelector('#link[data-link="live"]')
      await page.screenshot({ path: path.join(folder, `${name}-${look}.png`) })
    }
    await context.close()
  }
} finally {
  await running.stop()
}
