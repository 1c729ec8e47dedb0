import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import type { PullList } from '../../core/contract/api.ts'
import type { Pull } from '../../core/contract/pull.ts'
import { rowOf } from '../../server/pulltrace/pages/live/row.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { type Stop, stoodStillMs, watchStops } from '../lateness.ts'
import { type Rig, startRig } from '../rig/rig.ts'
import { openScene } from '../scenarios/scene.ts'
import { megabyte } from '../scenarios/sizes.ts'
import { startWatch, type Watch } from '../scenarios/watch.ts'
import { type RealBrowser, startBrowser } from '../stream/browser.ts'
import { type Lag, lagsOf, type Sample } from './lag.ts'
import { type ShownRows, watchRows } from './shown-rows.ts'

const imageCount = 20
const intervalMs = 200
const behindMs = 500
/** containerd tells of it in two steps. */
const layerBytes = 1.6 * megabyte
/** Much more than it takes: other tests run beside this one. */
const limitMs = 60_000

describe('the page of live pulls beside a real containerd', function () {
  this.timeout(180_000)
  let rig: Rig
  let watch: Watch
  let chromium: RealBrowser
  let page: Page

  before(async () => {
    rig = await startRig({ version: '2.4' })
    watch = await startWatch(rig, intervalMs)
    chromium = await startBrowser()
    page = await chromium.browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(`${watch.server.url}/?group=none`)
    await isLive()
  })
  after(async () => {
    await chromium?.stop()
    await watch?.stop()
    await rig?.stop()
  })

  const isLive = () => page.waitForSelector('#link[data-link="live"]')
  const list = async (state: string) =>
    ((await (await fetch(`${watch.server.url}/api/v1/pulls?state=${state}`)).json()) as PullList).pulls
  /** An end is in one of them at any time, as the first is asked first. */
  const tell = async (): Promise<Pull[]> => {
    const pulls = new Map<string, Pull>()
    for (const state of ['active', 'finished']) for (const pull of await list(state)) pulls.set(pull.id, pull)
    return [...pulls.values()]
  }

  /** Asks the API again and again while something is done. */
  async function sampled(work: Promise<unknown>): Promise<Sample[]> {
    const samples: Sample[] = []
    let over = false
    const done = work.finally(() => {
      over = true
    })
    let afterMs = Date.now()
    while (!over) {
      const askedMs = Date.now()
      const rows = (await tell()).map(pull => rowOf(pull, askedMs))
      samples.push({ afterMs, rows })
      afterMs = askedMs
      // The registry's door is in this process too.
      await delay(20)
    }
    await done
    return samples
  }

  async function showsWhatIsTold(shown: ShownRows): Promise<void> {
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
    await eventuallyHolds(async () => {
      const told = (await tell()).map(pull => rowOf(pull, Date.now()))
      assert.deepEqual((await shown.rows()).sort(byId), told.sort(byId))
    })
  }

  it('shows what the API tells of 20 pulls at once, never half a second behind, and lives through a killed server', async () => {
    const { proxy } = rig
    const scene = await openScene(rig, [watch])
    const images = await Promise.all(
      Array.from({ length: imageCount }, (_, i) =>
        scene.push({ name: `live/app-${i}`, layers: [{ bytes: layerBytes }, { bytes: 200_000 }] }),
      ),
    )
    const shown = await watchRows(page)
    using asker = watchStops()
    const stops = async () => [...(await shown.stops()), ...asker.stops()]
    proxy.limit(6 * megabyte)

    // All of them under way.
    for (const image of images) scene.pull(image)
    const half = (imageCount * layerBytes) / 2
    const sent = () => proxy.log.reduce((sum, { bytes }) => sum + bytes, 0)
    const samples = await sampled(eventually('half of the bytes', () => sent() > half, limitMs))
    proxy.pause()
    await watch.tellsAll()
    await showsWhatIsTold(shown)
    assert.equal((await shown.rows()).length, imageCount)
    isNeverFarBehind(lagsOf(samples, await shown.log()), await stops())

    // The server is killed in the middle, and comes back.
    await watch.server.kill9()
    await page.waitForSelector('#link[data-link="lost"]')
    assert.match(await page.locator('#link').innerText(), /The server does not answer/)
    assert.equal((await shown.rows()).length, imageCount, 'what it had is still there')
    // Some end before it is back, and are told to it before the page is.
    const known = (await rig.oracle.images()).size
    proxy.resume()
    await eventually('some more images', async () => (await rig.oracle.images()).size > known, limitMs)
    proxy.pause()
    await watch.server.restart()
    await isLive()
    await showsWhatIsTold(shown)

    // All to their ends.
    proxy.resume()
    const ended = () => [...watch.shown(0).values()].filter(({ completedAt }) => completedAt !== undefined).length
    const rest = await sampled(eventually('every end', () => ended() === imageCount, limitMs))
    await scene.end()
    await showsWhatIsTold(shown)
    isNeverFarBehind(lagsOf([...samples, ...rest], await shown.log()), await stops())
    assert.ok((await shown.rows()).every(({ mood }) => mood === 'done'))
  })
})

/**
 * While the page itself stood still, it could show nothing, and while this test did, it could not ask when the news
 * came: on a busy machine that is no fault of what is tested.
 */
function isNeverFarBehind(lags: readonly Lag[], stops: readonly Stop[]): void {
  const ms = lags.map(lag => lag.ms).sort((a, b) => a - b)
  const at = (share: number) => Math.round(ms[Math.ceil(share * ms.length) - 1]!)
  const longestMs = Math.max(0, ...stops.map(({ fromMs, untilMs }) => untilMs - fromMs))
  console.log(
    `        ${ms.length} changes, behind: half ${at(0.5)}, 95 % ${at(0.95)}, all ${at(1)} ms; page or test stood still for ${longestMs} ms at most`,
  )
  assert.ok(lags.length > imageCount, 'something was to be seen')
  const far = lags.filter(({ afterMs, ms }) => ms - stoodStillMs(stops, afterMs, afterMs + ms) > behindMs)
  assert.deepEqual(
    far.map(({ id, phase, downloaded, ms }) => `${id} ${phase} ${downloaded} %: ${ms} ms`),
    [],
  )
}
