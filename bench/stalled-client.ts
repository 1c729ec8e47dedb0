import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { pullIdOf } from '../core/pulls/pull-id.ts'
import { goodPull, goodReport, post } from '../server/pulltrace/start-server.fake.ts'
import { startServer } from '../test/rig/pulltrace.ts'
import { metricOf } from '../test/stream/metrics.ts'
import { median, percentile, table } from './measure.ts'

/**
 * What clients that never read cost those who do: the delay from the POST of a report that starts a pull to each of
 * 50 clients, with 5 stalled clients and without, in pairs one after the other. `ROUNDS` is the number of pairs.
 */
const pairs = Number(process.env['ROUNDS'] ?? 10)
const readers = 50
const stalledClients = 5
const startsPerPhase = 100
const startEveryMs = 20
/** So many that the state of the stalled fills every buffer between them and the server. */
const otherPulls = 16_000

const idOf = (lease: string) => pullIdOf('node-a', 'k8s.io', lease, '2026-11-21T10:00:00Z')

// Nobody reports for the nodes that only stand there: with a long interval they do not go stale meanwhile.
const server = await startServer({ env: { PULLTRACE_REPORT_INTERVAL: '5m' } })
const open: IncomingMessage[] = []
let readBytes = 0
const seen = new Map<string, { sentMs: number; delaysMs: number[] }>()
try {
  for (const node of [1, 2]) {
    const pulls = Array.from({ length: otherPulls / 2 }, (_, number) =>
      goodPull({ id: idOf(`other-${node}-${number}`), phase: 'unpacking', layers: [] }),
    )
    await report(goodReport(1, { nodeName: `node-other-${node}`, pulls }))
  }
  for (let count = 0; count < readers; count++) follow(await openStream())

  const rows: number[][] = []
  let seq = 0
  for (let pair = 0; pair < pairs; pair++) {
    const row: number[] = []
    // Each half is first in every other pair, so that a machine that slows down is the same for both.
    for (const withStalled of pair % 2 === 0 ? [false, true] : [true, false]) {
      const stalled = withStalled ? await Promise.all(Array.from({ length: stalledClients }, openStream)) : []
      const before = { written: await atRest(), readBytes }
      const delays = await phase()
      const written = (await atRest()) - before.written
      if (written !== readBytes - before.readBytes) throw new Error('a stalled client was written to: it is not full')
      for (const stream of stalled) stream.destroy()
      row[withStalled ? 1 : 0] = percentile(delays, 0.5)
      row[withStalled ? 3 : 2] = percentile(delays, 0.99)
    }
    rows.push(row)
  }

  /** Starts pulls one after another, each in a report of its own; gives every client's delay of every start. */
  async function phase(): Promise<number[]> {
    const ids: string[] = []
    for (let count = 0; count < startsPerPhase; count++) {
      const id = idOf(`start-${++seq}`)
      ids.push(id)
      seen.set(id, { sentMs: performance.now(), delaysMs: [] })
      await report(goodReport(seq, { pulls: ids.map(id => goodPull({ id })) }))
      await delay(startEveryMs)
    }
    while (ids.some(id => seen.get(id)!.delaysMs.length < readers)) await delay(5)
    const delays = ids.flatMap(id => seen.get(id)!.delaysMs)
    // Ends them, so that each phase begins alike.
    const ended = ids.map(id => goodPull({ id, phase: 'completed', completedAt: '2026-11-21T10:01:00Z' }))
    await report(goodReport(++seq, { pulls: ended }))
    seen.clear()
    return delays
  }

  const ratios = rows.map(([without, stalled]) => stalled! / without!)
  console.log(`### A stalled client: ${readers} clients read, ${stalledClients} do not, ${pairs} pairs\n`)
  const ms = (value: number | undefined) => `${value!.toFixed(2)} ms`
  const column = (index: number) => ms(median(rows.map(row => row[index]!)))
  console.log(
    table([
      ['delay from POST to client', 'without', 'with stalled clients', 'ratio (median of pairs)'],
      ['p50', column(0), column(1), `${median(ratios).toFixed(3)}x`],
      ['p99', column(2), column(3), `${median(rows.map(row => row[3]! / row[2]!)).toFixed(3)}x`],
    ]),
  )
  console.log(`\np50 of each pair: ${rows.map(([a, b]) => `${a!.toFixed(2)}/${b!.toFixed(2)}`).join(' ')} ms`)
} finally {
  for (const stream of open) stream.destroy()
  await server.stop()
}

async function report(body: unknown): Promise<void> {
  const answer = await post(`${server.url}/api/v1/report`, body)
  if (answer.status !== 200) throw new Error(await answer.text())
  await answer.arrayBuffer()
}

async function openStream(): Promise<IncomingMessage> {
  const request = http.get(`${server.url}/api/v1/events`, { agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  open.push(response)
  // It is torn away at the end of its phase.
  response.on('error', () => {})
  return response
}

/** Notes when a start came; for the rest it only reads, so that measuring costs little. */
function follow(stream: IncomingMessage): void {
  let rest = ''
  stream.setEncoding('latin1').on('data', (text: string) => {
    const nowMs = performance.now()
    readBytes += text.length
    const frames = (rest + text).split('\n\n')
    rest = frames.pop()!
    for (const frame of frames) {
      if (!frame.includes('"type":"pull.started"')) continue
      const pull = seen.get(/"pull":\{"id":"([a-z2-7]{26})"/.exec(frame)?.[1] ?? '')
      pull?.delaysMs.push(nowMs - pull.sentMs)
    }
  })
}

/** When nothing moves: every reader has what was written, and the stalled are full. Gives all bytes written so far. */
async function atRest(): Promise<number> {
  for (let before = ''; ; ) {
    const written = await metricOf(server.metricsUrl, 'pulltrace_sse_bytes_total')
    if (before === `${written} ${readBytes}`) return written
    before = `${written} ${readBytes}`
    await delay(400)
  }
}
