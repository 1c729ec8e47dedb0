import { setTimeout as delay } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { median } from '../measure.ts'
import { PullingCluster } from './cluster.ts'
import { type Load, MeasuredPage, type Opened } from './open-page.ts'
import { servePlainly } from './peer.ts'
import type { ServedByProgram, Shipped } from './shipped.ts'
import { type Weight, weigh } from './weight.ts'

const watchedMs = 5000
/** Most rows that a page shows unless it is asked for all. */
const rowCap = 300
const pagesCosted = 50

export interface OpenedPage {
  readonly name: string
  readonly opened: Opened
  /** Processor time of the server for one page; unknown of the peer. Milliseconds. */
  readonly serverMs?: number
}

export interface LeftOpen {
  readonly pulls: number
  readonly rows: number
  /** Pulls that move in a second. */
  readonly rate: number
  readonly load: Load
}

export interface LivePages {
  readonly weight: Weight
  readonly opened: readonly OpenedPage[]
  readonly left: readonly LeftOpen[]
}

export interface LiveParts {
  readonly shipped: Shipped
  readonly browser: Browser
  readonly rounds: number
  /** Is told what is measured next. */
  readonly note: (what: string) => void
}

/** The page of live pulls while so many are under way: medians, except for the longest task, which is the longest of all. */
export async function measureLive(parts: LiveParts, pulls: number): Promise<LivePages> {
  await using server = await startServer(parts.shipped, `pulls-${pulls}`)
  const cluster = new PullingCluster(server.url, pulls)
  // Twice, so that there are rates.
  await cluster.begin()
  await cluster.begin()
  const many = pulls > rowCap
  const { note, rounds } = parts
  note(`${pulls} pulls: opening the page ${rounds + 1} times`)
  const left: LeftOpen[] = []
  const opened = await openAgainstPeer(parts, server, pulls)
  for (const rows of many ? [rowCap, pulls] : [pulls]) {
    for (const rate of many ? [20, pulls / 2] : [20]) {
      note(`${pulls} pulls: watching ${rows} rows for ${(rounds * watchedMs) / 1000} s, ${rate} pulls move in a second`)
      const url = `${server.url}${rows > rowCap ? '/?rows=all' : '/'}`
      left.push({ pulls, rows, rate, load: await leaveOpen(parts, url, shows(pulls, rows), cluster, rate) })
    }
  }
  return { weight: await weigh(server.url), opened, left }
}

/** Live, with every pull counted and every row there. */
const shows = (pulls: number, rows: number) => `document.querySelector('#link').dataset.link === 'live'
  && document.querySelector('[data-slot="active"]').textContent === '${pulls}'
  && document.querySelectorAll('.pull').length === ${rows}`

async function startServer(shipped: Shipped, name: string): Promise<ServedByProgram> {
  return await shipped.start('pulltrace-server', {
    ...{ PULLTRACE_HTTP_ADDR: '127.0.0.1:0', PULLTRACE_METRICS_ADDR: '127.0.0.1:0', PULLTRACE_READER_AUTH: 'none' },
    PULLTRACE_DATA_DIR: `${shipped.folder}/${name}`,
    // Nodes that say nothing while one thing is measured must not become stale.
    ...{ PULLTRACE_REPORT_INTERVAL: '60s', PULLTRACE_IDLE_REPORT_INTERVAL: '60s' },
  })
}

async function openAgainstPeer(
  { browser, rounds }: LiveParts,
  server: ServedByProgram,
  pulls: number,
): Promise<OpenedPage[]> {
  await using plain = await servePlainly(server.url)
  const [ours, all, peers]: [Opened[], Opened[], Opened[]] = [[], [], []]
  for (let round = 0; round <= rounds; round++) {
    const one = await open(browser, server.url, shows(pulls, Math.min(pulls, rowCap)))
    const peer = await open(browser, plain.url, 'true')
    const whole = pulls > rowCap ? await open(browser, `${server.url}/?rows=all`, shows(pulls, pulls)) : undefined
    // The first warms the server up.
    if (round === 0) continue
    ours.push(one)
    peers.push(peer)
    if (whole !== undefined) all.push(whole)
  }
  return [
    {
      name: `\`/\` with ${pulls.toLocaleString('en-US')} pulls`,
      opened: middleOf(ours),
      serverMs: await serverCost(server),
    },
    { name: 'the same markup without a script', opened: middleOf(peers) },
    ...(all.length > 0 ? [{ name: 'the page with all rows', opened: middleOf(all) }] : []),
  ]
}

async function serverCost({ url, cpuMs }: ServedByProgram): Promise<number> {
  const before = cpuMs()
  for (let page = 0; page < pagesCosted; page++) await (await fetch(url)).text()
  return (cpuMs() - before) / pagesCosted
}

async function open(browser: Browser, url: string, ready: string): Promise<Opened> {
  await using page = await MeasuredPage.create(browser)
  return await page.open(url, ready)
}

async function leaveOpen(
  { browser, rounds }: LiveParts,
  url: string,
  ready: string,
  cluster: PullingCluster,
  rate: number,
): Promise<Load> {
  await using page = await MeasuredPage.create(browser)
  await page.open(url, ready)
  const stop = new AbortController()
  const moving = cluster.move(rate, stop.signal)
  const loads: Load[] = []
  try {
    for (let round = 0; round < rounds; round++) loads.push(await page.watch(() => delay(watchedMs)))
  } finally {
    stop.abort()
    await moving
  }
  return middleOf(loads)
}

function middleOf<T extends { readonly [K in keyof T]: number } & { readonly longestMs: number }>(
  all: readonly T[],
): T {
  const names = Object.keys(all[0]!) as (keyof T)[]
  const middle = Object.fromEntries(names.map(name => [name, median(all.map(one => one[name]))]))
  return { ...middle, longestMs: Math.max(...all.map(({ longestMs }) => longestMs)) } as T
}
