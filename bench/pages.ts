import { loadavg } from 'node:os'
import { startBrowser } from '../test/stream/browser.ts'
import { table } from './measure.ts'
import { type LivePages, measureLive } from './pages/live.ts'
import { measureSearches } from './pages/search.ts'
import { Shipped } from './pages/shipped.ts'
import { type Weight, weigh } from './pages/weight.ts'

/**
 * What the pages cost a browser, in Debian's Chromium and as they are shipped: to open with many pulls, and to leave
 * open while pulls move; what is loaded; what a search for events takes. `ROUNDS`, `PULLS` and `ROWS` make it shorter.
 * It builds the bundles that it needs, and says on stderr what it is at: it takes minutes.
 */
const rounds = Number(process.env['ROUNDS'] ?? 5)
const pulls = Number(process.env['PULLS'] ?? 5000)
const rows = Number(process.env['ROWS'] ?? 1_000_000)
const searches = 40

const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`
const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`
const thousands = (value: number) => value.toLocaleString('en-US')

/** Of what goes on, so that silence means that something hangs. */
const note = (what: string) => console.error(`bench: pages: ${what}`)

note('bundling the programs')
await using shipped = await Shipped.build()
note('starting Chromium')
const chromium = await startBrowser()
let pages: LivePages[] = []
try {
  const parts = { shipped, browser: chromium.browser, rounds, note }
  pages = [await measureLive(parts, 20), await measureLive(parts, pulls)]
} finally {
  await chromium.stop()
}
note('weighing what the pages of rules load')
const rulesWeight = await weighRules()
const found = await measureSearches({ shipped, rows, searches, note })

console.log('### Live pulls: to open the page\n')
console.log(
  table([
    [
      'page',
      'bytes',
      'server',
      'first byte',
      'first paint',
      'interactive',
      'main thread until settled',
      'longest task',
    ],
    ...pages
      .flatMap(({ opened }) => opened)
      .map(({ name, opened, serverMs }) => [
        ...[name, thousands(opened.bytes), serverMs === undefined ? '-' : ms(serverMs)],
        ...[opened.firstByteMs, opened.firstPaintMs, opened.interactiveMs, opened.cpuMs, opened.longestMs].map(ms),
      ]),
  ]),
)
console.log('\n### Live pulls: to leave it open, main thread in each second\n')
console.log(
  table([
    ['pulls', 'rows', 'pulls that move in a second', 'all', 'scripts', 'style and layout', 'longest task'],
    ...pages
      .flatMap(({ left }) => left)
      .map(({ pulls, rows, rate, load }) => [
        ...[pulls, rows, rate].map(thousands),
        ...[load.mainMs, load.scriptMs, load.layoutMs, load.longestMs].map(ms),
      ]),
  ]),
)
console.log('\n### What a page loads beside itself\n')
console.log(
  table([
    ['', 'script', 'gzipped', 'style', 'gzipped'],
    weightRow('live pulls', pages[0]!.weight),
    weightRow('tk-web-ui', rulesWeight),
    ['the Go original', '155 KB', '50 KB', '-', '-'],
  ]),
)
console.log(`\n### Events: a page of 50 of ${thousands(rows)} that are stored\n`)
console.log(
  table([
    ['search for', 'page, p50', 'page, p95', 'the store alone, p95'],
    ...found.map(({ name, p50Ms, p95Ms, storeP95Ms }) => [name, ...[p50Ms, p95Ms, storeP95Ms].map(ms)]),
  ]),
)
console.log(`\nLoad average at the end: ${loadavg()[0]!.toFixed(1)}.`)

/** Every page of it loads the same; that of the sign-in is shown to all. */
async function weighRules(): Promise<Weight> {
  await using ui = await shipped.start('tk-web-ui', {
    ...{ TK_HTTP_ADDR: '127.0.0.1:0', TK_UI_METRICS_ADDR: '127.0.0.1:0' },
    TK_DATABASE_URL: `${shipped.folder}/weighed.db`,
  })
  return await weigh(`${ui.url}/sign-in`)
}

function weightRow(name: string, { scriptBytes, scriptGzipped, styleBytes, styleGzipped }: Weight): string[] {
  return [name, ...[scriptBytes, scriptGzipped, styleBytes, styleGzipped].map(kilobytes)]
}
