import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { AgentReportAnswer } from '../../core/contract/agent-report.ts'
import type { HistoryList, PullList } from '../../core/contract/api.ts'
import { pullIdOf } from '../../core/pulls/pull-id.ts'
import { goodPull, goodReport, post } from '../../server/pulltrace/start-server.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { getJson } from '../rig/get-json.ts'
import { startServer } from '../rig/pulltrace.ts'
import { CuttingClient } from './cutting-client.ts'

const clientCount = 100
const graceMs = 8000
const idOf = (lease: string) => pullIdOf('node', 'k8s.io', lease, '2026-11-21T10:00:00Z')

describe('a server that is asked to stop', () => {
  it(`answers what is in flight, ends ${clientCount} streams and exits with 0, and all go on with the next one`, async function () {
    this.timeout(60_000)
    const server = await startServer({ env: { PULLTRACE_SHUTDOWN_GRACE: `${graceMs}ms` } })
    const clients = Array.from({ length: clientCount }, () => new CuttingClient(server.url, '', 0))
    const running: Promise<void>[] = []
    try {
      const active = Array.from({ length: 20 }, (_, number) => goodPull({ id: idOf(`active-${number}`) }))
      await post(`${server.url}/api/v1/report`, goodReport(1, { pulls: active }))
      for (const client of clients) {
        client.settle()
        running.push(client.run())
      }
      await eventually('every client is synced', () => clients.every(({ lives }) => lives.size === 1) || undefined)

      const endings = Array.from({ length: 10 }, (_, number) => beginReport(server.url, `node-${number}`))
      const halves = endings.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
      await eventually('the halves have come', async () => (await bodyBytes(server.metricsUrl)) === halves || undefined)
      const exit = server.terminate()
      const stopMs = performance.now()
      await eventually('it takes no more', () => refuses(server.url))
      await eventually('streams have ended', () => clients.every(client => client.ended === 1) || undefined)
      for (const ending of endings) {
        const { status, answer } = await ending.finish()
        assert.deepEqual([status, answer.accepted, answer.acknowledged], [200, true, true])
      }
      assert.equal(await exit, 0)
      const tookMs = performance.now() - stopMs
      assert.ok(tookMs < graceMs, `${tookMs} ms`)
      assert.deepEqual(clients.map(({ broken }) => broken).filter(Boolean), [], 'no stream was torn')
      console.log(`      ${clientCount} streams and ${endings.length} reports ended in ${Math.round(tookMs)} ms`)

      await server.restart()
      await post(`${server.url}/api/v1/report`, goodReport(2, { pulls: active }))
      const { items } = await getJson<HistoryList>(`${server.url}/api/v1/history`)
      assert.deepEqual(items.map(({ id }) => id).sort(), endings.map(({ id }) => id).sort())
      const { pulls } = await getJson<PullList>(`${server.url}/api/v1/pulls`)
      const expected = new Set(pulls.map(({ id }) => id))
      assert.equal(expected.size, active.length)
      await eventuallyHolds(() => {
        for (const { view } of clients) {
          assert.equal(view.resets, 1)
          assert.deepEqual(new Set(view.pulls.keys()), expected)
        }
      })
    } finally {
      for (const client of clients) client.stop()
      await Promise.allSettled(running)
      await server.stop()
    }
  })
})

/** Sends half of a report that a pull has ended. */
function beginReport(url: string, nodeName: string) {
  const id = idOf(`ended-${nodeName}`)
  const pulls = [goodPull({ id, phase: 'completed', completedAt: '2026-11-21T10:00:09Z' })]
  const body = Buffer.from(JSON.stringify(goodReport(1, { nodeName, pulls })))
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const request: ClientRequest = http.request(`${url}/api/v1/report`, { method: 'POST', headers, agent: false })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  // Looked at once the body is whole; until then nobody waits for it.
  answered.catch(() => {})
  const sentBytes = body.length >> 1
  request.write(body.subarray(0, sentBytes))
  return {
    id,
    sentBytes,
    async finish() {
      request.end(body.subarray(sentBytes))
      const [response] = await answered
      return { status: response.statusCode, answer: JSON.parse(await text(response)) as AgentReportAnswer }
    },
  }
}

async function bodyBytes(metricsUrl: string): Promise<number> {
  const metrics = await (await fetch(`${metricsUrl}/metrics`)).text()
  return Number(/^pulltrace_http_body_bytes (\d+)$/m.exec(metrics)?.[1])
}

/** True when nobody listens there. */
function refuses(url: string): Promise<true | undefined> {
  return new Promise(resolve => {
    const request = http.get(`${url}/api/v1/nodes`, { agent: false }, response => {
      response.resume()
      resolve(undefined)
    })
    request.on('error', error => resolve('code' in error && error.code === 'ECONNREFUSED' ? true : undefined))
  })
}
