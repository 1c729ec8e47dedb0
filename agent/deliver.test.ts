import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { mock } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { AgentReport } from '../core/contract/agent-report.ts'
import { Secret } from '../core/lib/secret.ts'
import { createReportSink, deliverDeadlineMs, gzipAboveBytes, type ReportSink, retryAfterMsOf } from './deliver.ts'

const report: AgentReport = {
  nodeName: 'node-a',
  timestamp: '2026-11-21T10:00:00Z',
  agent: { version: '1', epoch: 'epoch-123', seq: 1 },
  pulls: [],
}
const answer = { accepted: true, acknowledged: true, reportIntervalMs: 2000, idleReportIntervalMs: 2000, awaiting: [] }
const never = new AbortController().signal

describe('createReportSink', () => {
  let server: http.Server
  let sink: ReportSink
  let token: Secret | undefined
  let handle: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void
  let connections: number

  beforeEach(async () => {
    connections = 0
    token = undefined
    handle = (_, response) => void response.end(JSON.stringify(answer))
    server = http.createServer((request, response) => {
      void buffer(request).then(body => handle(request, response, body))
    })
    server.on('connection', () => connections++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const serverUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`)
    sink = createReportSink({ serverUrl, token: () => token, caFile: undefined })
  })
  afterEach(async () => {
    sink.close()
    server.closeAllConnections()
    await new Promise(done => server.close(done))
  })

  it('posts JSON below the path of the server, with the token of now', async () => {
    const seen: unknown[] = []
    handle = (request, response, body) => {
      seen.push([request.method, request.url, request.headers.authorization, JSON.parse(body.toString())])
      response.end(JSON.stringify(answer))
    }
    assert.deepEqual(await sink.deliver(report, never), { outcome: 'answered', answer })
    token = new Secret('renewed')
    await sink.deliver(report, never)
    assert.deepEqual(seen, [
      ['POST', '/prefix/api/v1/report', undefined, report],
      ['POST', '/prefix/api/v1/report', 'Bearer renewed', report],
    ])
    assert.equal(connections, 1, 'the connection is kept')
  })

  it('compresses only what is large', async () => {
    const encodings: unknown[] = []
    handle = (request, response, body) => {
      const encoding = request.headers['content-encoding']
      encodings.push([encoding, JSON.parse((encoding ? gunzipSync(body) : body).toString()).nodeName.length])
      response.end(JSON.stringify(answer))
    }
    await sink.deliver(report, never)
    await sink.deliver({ ...report, nodeName: 'n'.repeat(gzipAboveBytes) }, never)
    assert.deepEqual(encodings, [
      [undefined, 6],
      ['gzip', gzipAboveBytes],
    ])
  })

  for (const { status, headers, body, expected } of [
    {
      status: 401,
      headers: {},
      body: '{"error":{"code":"unauthenticated","message":"no token"}}',
      expected: { message: 'no token', path: undefined, retryAfterMs: undefined },
    },
    {
      status: 403,
      headers: {},
      body: '{"error":{"code":"permission_denied","message":"other node"}}',
      expected: { message: 'other node', path: undefined, retryAfterMs: undefined },
    },
    {
      status: 429,
      headers: { 'retry-after': '7' },
      body: 'slow down',
      expected: { message: 'slow down', path: undefined, retryAfterMs: 7000 },
    },
    {
      status: 503,
      headers: { 'retry-after': '1' },
      body: '<html>',
      expected: { message: '<html>', path: undefined, retryAfterMs: 1000 },
    },
    {
      status: 400,
      headers: {},
      body: '{"error":{"code":"invalid","message":"bad","path":"pulls[2].layers[0].digest"}}',
      expected: { message: 'bad', path: 'pulls[2].layers[0].digest', retryAfterMs: undefined },
    },
    {
      status: 400,
      headers: {},
      body: '{"error":{"message":"bad","path":7}}',
      expected: { message: 'bad', path: undefined, retryAfterMs: undefined },
    },
  ]) {
    it(`tells ${status} as a refusal`, async () => {
      handle = (_, response) => void response.writeHead(status, headers as http.OutgoingHttpHeaders).end(body)
      assert.deepEqual(await sink.deliver(report, never), { outcome: 'refused', status, ...expected })
    })
  }

  it('tells an answer that is none as unreachable', async () => {
    for (const body of ['', 'hello', '{}', '{"accepted":"yes"}']) {
      handle = (_, response) => void response.end(body)
      assert.equal((await sink.deliver(report, never)).outcome, 'unreachable', body)
    }
  })

  it('sends again when the server had closed the idle connection', async () => {
    await sink.deliver(report, never)
    let cut = true
    handle = (request, response) => {
      if (cut) request.socket.resetAndDestroy()
      else response.end(JSON.stringify(answer))
      cut = false
    }
    assert.equal((await sink.deliver(report, never)).outcome, 'answered')
  })

  it('gives up when it is told to', async () => {
    handle = () => {}
    const stop = new AbortController()
    const delivery = sink.deliver(report, stop.signal)
    stop.abort()
    assert.equal((await delivery).outcome, 'unreachable')
  })

  describe('when an answer begins and does not end', () => {
    /** Resolves when this end has the head of an answer. */
    let begun: Promise<unknown>

    beforeEach(() => {
      begun = new Promise(resolve => {
        const told = () => {
          unsubscribe('http.client.response.finish', told)
          resolve(undefined)
        }
        subscribe('http.client.response.finish', told)
      })
      handle = (_, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{')
      }
    })
    afterEach(() => mock.timers.reset())

    it('says after how long it gave up', async () => {
      mock.timers.enable({ apis: ['setTimeout'] })
      const delivery = sink.deliver(report, never)
      await begun
      mock.timers.tick(deliverDeadlineMs)
      assert.deepEqual(await delivery, { outcome: 'unreachable', message: 'no answer within 10000 ms' })
    })

    it('says why it was stopped', async () => {
      const stop = new AbortController()
      const delivery = sink.deliver(report, stop.signal)
      await begun
      stop.abort(new Error('the agent stops'))
      assert.deepEqual(await delivery, { outcome: 'unreachable', message: 'the agent stops' })
    })
  })

  it('says why nobody answers', async () => {
    const nobody = createReportSink({
      serverUrl: new URL('http://127.0.0.1:1'),
      token: () => undefined,
      caFile: undefined,
    })
    const delivery = await nobody.deliver(report, never)
    assert.ok(delivery.outcome === 'unreachable' && /ECONNREFUSED/.test(delivery.message))
  })
})

describe('retryAfterMsOf', () => {
  for (const [value, ms] of [
    [undefined, undefined],
    ['0', 0],
    ['120', 120_000],
    ['Sat, 21 Nov 2026 10:00:05 GMT', 5_000],
    ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['soon', undefined],
  ] as const) {
    it(`of '${value}' is ${ms}`, () => assert.equal(retryAfterMsOf(value, Date.parse('2026-11-21T10:00:00Z')), ms))
  }
})
