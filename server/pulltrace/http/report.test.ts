import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { maxReportBytes } from '../../../core/contract/words.ts'
import { goodLayer, goodPull, goodReport, post, type RunningServer, startServer } from '../start-server.fake.ts'

interface Row {
  readonly name: string
  readonly body: unknown
  readonly headers?: Record<string, string>
  readonly status: number
  /** What `error` must hold at least. */
  readonly error: Record<string, unknown>
}

const pulls = (...changes: Record<string, unknown>[]) => goodReport(1, { pulls: changes.map(goodPull) })
const layers = (...changes: Record<string, unknown>[]) =>
  pulls({ layers: changes.map((change, index) => goodLayer(String(index), change)) })

const rows: readonly Row[] = [
  {
    name: 'no content type',
    body: goodReport(),
    headers: { 'content-type': '' },
    status: 415,
    error: { code: 'unsupported_media_type', path: 'content-type' },
  },
  {
    name: 'a form',
    body: 'a=b',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    error: { bound: 'application/json', seen: 'application/x-www-form-urlencoded' },
  },
  {
    name: 'JSON in Latin-1',
    body: goodReport(),
    headers: { 'content-type': 'application/json; charset=iso-8859-1' },
    status: 415,
    error: { path: 'content-type' },
  },
  {
    name: 'brotli',
    body: goodReport(),
    headers: { 'content-encoding': 'br' },
    status: 415,
    error: { path: 'content-encoding', seen: 'br' },
  },
  {
    name: 'gzip that is none',
    body: '{}',
    headers: { 'content-encoding': 'gzip' },
    status: 400,
    error: { code: 'invalid', seen: '2 bytes' },
  },
  {
    name: 'gzip that is cut',
    body: gzipSync('{"a":1}').subarray(0, 15),
    headers: { 'content-encoding': 'gzip' },
    status: 400,
    error: { bound: 'one complete gzip stream' },
  },
  {
    name: 'a body above the bound',
    body: ' '.repeat(maxReportBytes + 1),
    status: 413,
    error: { code: 'too_large', bound: 'at most 4194304 bytes after decompression', seen: '4194305 bytes' },
  },
  {
    name: 'a gzip bomb',
    body: gzipSync(Buffer.alloc(64 * 1024 * 1024)),
    headers: { 'content-encoding': 'gzip' },
    status: 413,
    error: { code: 'too_large', bound: 'at most 4194304 bytes after decompression' },
  },
  { name: 'no body', body: '', status: 400, error: { code: 'invalid', path: 'the end' } },
  { name: 'text that is no JSON', body: '{"nodeName":\n"a",}', status: 400, error: { path: 'line 2, column 5' } },
  {
    name: 'bytes that are no UTF-8',
    body: Uint8Array.of(0x22, 0xff, 0x22),
    status: 400,
    error: { bound: 'valid UTF-8' },
  },
  { name: 'an array', body: [], status: 400, error: { code: 'invalid' } },
  { name: 'null', body: null, status: 400, error: { code: 'invalid' } },
  { name: 'nothing in it', body: {}, status: 400, error: { path: 'nodeName', bound: 'present', seen: 'nothing' } },
  {
    name: 'a number as the node',
    body: goodReport(1, { nodeName: 7 }),
    status: 400,
    error: { path: 'nodeName', bound: 'of type string', seen: '7' },
  },
  {
    name: 'half an agent',
    body: goodReport(1, { agent: { version: 'x', epoch: 'epoch-one' } }),
    status: 400,
    error: { path: 'agent.seq' },
  },
  {
    name: 'a pull without id',
    body: pulls({ id: undefined }),
    status: 400,
    error: { path: 'pulls[0].id', bound: 'present' },
  },
  {
    name: "a phase that is not an agent's",
    body: pulls({}, { id: 'b'.repeat(26), phase: 'queued' }),
    status: 400,
    error: { path: 'pulls[1].phase', seen: '"queued"' },
  },
  {
    name: 'an end without its time',
    body: pulls({ phase: 'failed' }),
    status: 400,
    error: { path: 'pulls[0].completedAt' },
  },
  { name: 'two pulls with one id', body: pulls({}, {}), status: 400, error: { path: 'pulls[1].id' } },
  {
    name: 'bytes below zero',
    body: layers({}, { downloadedBytes: -1 }),
    status: 400,
    error: { path: 'pulls[0].layers[1].downloadedBytes', bound: 'greater than or equal to 0', seen: '-1' },
  },
  {
    name: 'bytes above what a double holds',
    body: layers({ totalBytes: 2 ** 60 }),
    status: 400,
    error: { path: 'pulls[0].layers[0].totalBytes' },
  },
  {
    name: 'half a byte',
    body: layers({ totalBytes: 0.5 }),
    status: 400,
    error: { path: 'pulls[0].layers[0].totalBytes', bound: 'an integer' },
  },
  {
    name: 'more bytes than there are',
    body: layers({ downloadedBytes: 1001 }),
    status: 400,
    error: {
      path: 'pulls[0].layers[0].downloadedBytes',
      bound: 'less than or equal to totalBytes (1000)',
      seen: '1001',
    },
  },
  {
    name: 'one digest twice',
    body: pulls({ layers: [goodLayer('1'), goodLayer('1')] }),
    status: 400,
    error: { path: 'pulls[0].layers[1].digest' },
  },
  {
    name: 'a day that is not in the calendar',
    body: goodReport(1, { timestamp: '2026-02-30T00:00:00Z' }),
    status: 400,
    error: { path: 'timestamp' },
  },
  {
    name: 'a leap second',
    body: goodReport(1, { timestamp: '2026-12-31T23:59:60Z' }),
    status: 400,
    error: { path: 'timestamp' },
  },
  { name: 'NaN', body: '{"nodeName":"a","timestamp":NaN}', status: 400, error: { path: 'line 1, column 29' } },
]

describe('POST /api/v1/report', () => {
  let server: RunningServer
  let url: string
  before(async () => {
    server = await startServer()
    url = `${server.url}/api/v1/report`
  })
  after(() => server.stop())

  for (const { name, body, headers, status, error } of rows) {
    it(`answers ${status} to ${name}`, async () => {
      const response = await post(url, body, headers)
      const answer = (await response.json()) as { error: Record<string, unknown> }
      assert.equal(response.status, status, JSON.stringify(answer))
      const shown = Object.fromEntries(Object.keys(error).map(key => [key, answer.error[key]]))
      assert.deepEqual(shown, error)
    })
  }

  it('is not changed by any of them', async () => {
    const { items } = (await (await fetch(`${server.url}/api/v1/nodes`)).json()) as { items: unknown[] }
    assert.deepEqual(items, [])
  })

  it('takes plain and compressed reports, and says when one is old', async () => {
    const answer = {
      accepted: true,
      acknowledged: true,
      reportIntervalMs: 2000,
      idleReportIntervalMs: 2000,
      awaiting: [],
    }
    assert.deepEqual(await (await post(url, goodReport(1))).json(), answer)
    const packed = gzipSync(JSON.stringify(goodReport(2)))
    assert.deepEqual(await (await post(url, packed, { 'content-encoding': 'gzip' })).json(), answer)
    const utf8 = { 'content-type': 'Application/JSON; charset="UTF-8"' }
    assert.deepEqual(await (await post(url, goodReport(3), utf8)).json(), answer)
    const stale = (await (await post(url, goodReport(3))).json()) as Record<string, unknown>
    assert.equal(stale['reason'], 'stale')
    assert.equal(stale['acknowledged'], false)
  })

  it('takes a report just below the bound', async () => {
    const body = JSON.stringify(goodReport(4))
    const response = await post(url, body.padEnd(maxReportBytes, ' '))
    assert.equal(response.status, 200)
  })

  it('is not confused by names of the prototype', async () => {
    const text = JSON.stringify(goodReport(5)).replace(
      '{',
      '{"__proto__":{"agent":null,"polluted":1},"constructor":{"prototype":{"polluted":1}},',
    )
    assert.equal((await post(url, text)).status, 200)
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
    const hollow = await post(url, '{"__proto__":{"nodeName":"node-x","timestamp":"2026-11-21T10:00:00Z","pulls":[]}}')
    assert.equal(hollow.status, 400)
  })

  it('survives a depth that would exhaust a stack', async () => {
    const deep = '['.repeat(1_000_000)
    assert.equal((await post(url, deep)).status, 400)
    const text = JSON.stringify(goodReport(6)).replace('{', `{"x":${deep}${']'.repeat(1_000_000)},`)
    assert.equal((await post(url, text)).status, 200)
  })

  it('forgets a body that ends before it is complete', async () => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    socket.write(
      'POST /api/v1/report HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"nodeName"',
    )
    socket.end()
    const [data] = (await once(socket, 'data')) as [Buffer]
    assert.match(String(data), /^HTTP\/1\.1 400 Bad Request.*"message":"the body ended before it was complete"/s)
    const held = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    assert.match(held, /^pulltrace_http_body_bytes 0$/m)
  })

  it('answers a client that goes on sending after its body was refused', async () => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const size = 64 * 1024 * 1024
    socket.write(
      `POST /api/v1/report HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`,
    )
    const block = Buffer.alloc(1024 * 1024, 32)
    for (let sent = 0; sent < size; sent += block.length) if (!socket.write(block)) await once(socket, 'drain')
    const [data] = (await once(socket, 'data')) as [Buffer]
    assert.match(String(data), /^HTTP\/1\.1 413 .*"seen":"67108864 bytes"/s)
    socket.destroy()
  })
})
