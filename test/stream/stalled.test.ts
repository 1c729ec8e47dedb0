import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { pullIdOf } from '../../core/pulls/pull-id.ts'
import { StreamView } from '../../server/pulltrace/events/stream-view.fake.ts'
import { goodPull, goodReport, post } from '../../server/pulltrace/start-server.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { startServer } from '../rig/pulltrace.ts'
import { hasStateOf } from './has-state.ts'
import { metricOf } from './metrics.ts'

const pullCount = 20
const layerCount = 400
const mebibyte = 1024 * 1024
const query = '?layers=true'

/** Every layer of every pull has moved since the last report: about 1.4 MiB of events for each client. */
const reportOf = (seq: number) =>
  goodReport(seq, {
    pulls: Array.from({ length: pullCount }, (_, pull) =>
      goodPull({
        id: pullIdOf('node-a', 'k8s.io', `lease-${pull}`, '2026-11-21T10:00:00Z'),
        layers: Array.from({ length: layerCount }, (_, layer) => ({
          digest: `sha256:${String(pull * layerCount + layer).padStart(64, '0')}`,
          totalBytes: 1_000_000,
          downloadedBytes: seq * 1000,
          totalKnown: true,
          state: 'downloading',
        })),
      }),
    ),
  })

async function openStream(url: string): Promise<IncomingMessage> {
  const [response] = (await once(http.get(`${url}/api/v1/events${query}`, { agent: false }), 'response')) as [
    IncomingMessage,
  ]
  return response
}

describe('a client that connects and never reads', () => {
  it('has nothing queued for it, in writes and in memory, and is told the state when it reads at last', async function () {
    this.timeout(120_000)
    const server = await startServer()
    const streams: IncomingMessage[] = []
    try {
      let seq = 0
      const report = async () => {
        const answer = await post(`${server.url}/api/v1/report`, reportOf(++seq))
        assert.equal(answer.status, 200, await answer.text())
      }
      await report()
      const readBytes = Array.from({ length: 5 }, () => 0)
      for (const index of readBytes.keys()) {
        const reader = await openStream(server.url)
        streams.push(reader.on('data', chunk => (readBytes[index]! += chunk.length)))
      }
      const stalled: IncomingMessage[] = []
      for (let count = 0; count < 5; count++) stalled.push(await openStream(server.url))
      streams.push(...stalled)

      const written = () => metricOf(server.metricsUrl, 'pulltrace_sse_bytes_total')
      const read = () => readBytes.reduce((sum, bytes) => sum + bytes, 0)
      /** Reports, lets the flush go out, and waits until every byte that was written was read, or never will be. */
      const round = async () => {
        const before = readBytes[0]!
        await report()
        await eventually('the readers have it', () => readBytes.every(bytes => bytes > before) || undefined)
        return eventually('nothing moves', async () => {
          const [now, nowRead] = [await written(), read()]
          await delay(60)
          return now === (await written()) && nowRead === read() ? { written: now, read: nowRead } : undefined
        })
      }

      // Until the kernel's buffers are full, a stalled client is written to as any other.
      let last = await round()
      await eventually(
        'their sockets are full',
        async () => {
          const before = last
          last = await round()
          return last.written - before.written === last.read - before.read || undefined
        },
        60_000,
      )
      for (let count = 0; count < 5; count++) last = await round()
      const full = last
      const before = rssBytes(server.pid)
      for (let count = 0; count < 30; count++) last = await round()
      const grown = rssBytes(server.pid) - before
      const each = (last.read - full.read) / readBytes.length
      assert.equal(last.written - full.written, last.read - full.read, 'all that was written went to those who read')
      assert.ok(each > 15 * mebibyte, `each was sent ${each} bytes`)
      // Five queues would hold five times what each reader was sent; what one flush needs is garbage for a while.
      assert.ok(grown < 2.5 * each, `the server grew by ${grown} bytes while each was sent ${each}`)
      console.log(`      each reader got ${mib(each)} MiB, the server grew by ${mib(grown)} MiB`)

      const view = new StreamView()
      view.connect()
      stalled[0]!.on('data', chunk => view.feed(chunk))
      await eventuallyHolds(() => hasStateOf(server.url, view, query))
    } finally {
      for (const stream of streams) stream.destroy()
      await server.stop()
    }
  })
})

const mib = (bytes: number) => (bytes / mebibyte).toFixed(1)

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
