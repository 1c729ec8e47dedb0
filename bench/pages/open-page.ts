import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { type Task, traceTasks } from './trace.ts'

/** A task that costs more than this is felt: what a reader does waits for it. Milliseconds of processor time. */
const longMs = 50
/** A page that uses less than a tenth of this time has settled. Milliseconds. */
const quietMs = 500
const readyLimitMs = 60_000

/** Milliseconds since the navigation began, where nothing else is said. */
export interface Opened {
  readonly firstByteMs: number
  readonly firstPaintMs: number
  /** The end of the last long task, or of the document where there is none: from then on it answers at once. */
  readonly interactiveMs: number
  /** Processor time of the main thread until it has settled. Milliseconds. */
  readonly cpuMs: number
  /** Processor time of the longest task. Milliseconds. */
  readonly longestMs: number
  readonly bytes: number
}

/** Milliseconds of each second. */
export interface Load {
  /** Processor time of the main thread. */
  readonly mainMs: number
  /** Of it: scripts. */
  readonly scriptMs: number
  /** Of it: style and layout. */
  readonly layoutMs: number
  /** Processor time of the longest task. Milliseconds. */
  readonly longestMs: number
}

interface Timing {
  readonly firstByteMs: number
  readonly firstPaintMs: number
  readonly loadedMs: number
  readonly bytes: number
}

/** A page in a context of its own: nothing is cached, no worker runs yet. Nothing of the measurement runs in it. */
export class MeasuredPage implements AsyncDisposable {
  readonly page: Page
  readonly #cdp: CDPSession
  readonly #browser: CDPSession

  private constructor(page: Page, cdp: CDPSession, browser: CDPSession) {
    this.page = page
    this.#cdp = cdp
    this.#browser = browser
  }

  static async create(browser: Browser): Promise<MeasuredPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    const page = await context.newPage()
    const cdp = await context.newCDPSession(page)
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
    return new MeasuredPage(page, cdp, await browser.newBrowserCDPSession())
  }

  /** `ready`: an expression that holds once the page does its work. */
  async open(url: string, ready: string): Promise<Opened> {
    const before = await this.#metrics()
    let openedAtMs = 0
    let after = before
    const tasks = await traceTasks(this.#browser, this.page, async () => {
      await this.page.goto(url)
      await this.#until(ready)
      after = await this.#settled()
      openedAtMs = after.get('NavigationStart')! * 1000
    })
    const { firstByteMs, firstPaintMs, loadedMs, bytes } = await this.page.evaluate<Timing>(`(() => {
      const [{ responseStart, domContentLoadedEventEnd, encodedBodySize }] = performance.getEntriesByType('navigation')
      const [paint] = performance.getEntriesByName('first-contentful-paint')
      return {
        firstByteMs: responseStart,
        firstPaintMs: paint?.startTime ?? NaN,
        loadedMs: domContentLoadedEventEnd,
        bytes: encodedBodySize,
      }
    })()`)
    const longEnds = tasks.filter(({ cpuMs }) => cpuMs > longMs).map(({ endMs }) => endMs - openedAtMs)
    return {
      ...{ firstByteMs, firstPaintMs, bytes },
      interactiveMs: Math.max(loadedMs, ...longEnds),
      cpuMs: 1000 * (after.get('TaskDuration')! - before.get('TaskDuration')!),
      longestMs: longestOf(tasks),
    }
  }

  /** What the page costs while `during` goes on. */
  async watch(during: () => Promise<void>): Promise<Load> {
    let [before, after] = [await this.#metrics(), new Map<string, number>()]
    const startMs = performance.now()
    let seconds = 0
    const tasks = await traceTasks(this.#browser, this.page, async () => {
      before = await this.#metrics()
      await during()
      after = await this.#metrics()
      seconds = (performance.now() - startMs) / 1000
    })
    const perSecond = (name: string) => (1000 * (after.get(name)! - before.get(name)!)) / seconds
    return {
      mainMs: perSecond('TaskDuration'),
      scriptMs: perSecond('ScriptDuration'),
      layoutMs: perSecond('LayoutDuration') + perSecond('RecalcStyleDuration'),
      longestMs: longestOf(tasks),
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#browser.detach()
    await this.page.context().close()
  }

  async #metrics(): Promise<Map<string, number>> {
    const { metrics } = await this.#cdp.send('Performance.getMetrics')
    return new Map(metrics.map(({ name, value }) => [name, value]))
  }

  /** Asked seldom, so that the asking is no load. */
  async #until(ready: string): Promise<void> {
    const endMs = performance.now() + readyLimitMs
    while (!(await this.page.evaluate<boolean>(ready))) {
      if (performance.now() > endMs) throw new Error(`not within ${readyLimitMs} ms: ${ready}`)
      await delay(100)
    }
  }

  async #settled(): Promise<Map<string, number>> {
    const endMs = performance.now() + readyLimitMs
    let before = await this.#metrics()
    for (;;) {
      if (performance.now() > endMs) throw new Error(`the page has not settled within ${readyLimitMs} ms`)
      await delay(quietMs)
      const after = await this.#metrics()
      if (1000 * (after.get('TaskDuration')! - before.get('TaskDuration')!) < quietMs / 10) return after
      before = after
    }
  }
}

const longestOf = (tasks: readonly Task[]) => Math.max(0, ...tasks.map(({ cpuMs }) => cpuMs))
