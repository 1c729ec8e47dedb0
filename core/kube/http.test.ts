import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cluster } from './cluster.ts'
import { type Call, KubeHttp } from './http.ts'

describe('KubeHttp', () => {
  let server: http.Server
  let client: KubeHttp
  let answer: (response: http.ServerResponse) => void
  let credentials: Cluster['credentials']

  beforeEach(async () => {
    credentials = async () => ({ headers: {}, tls: {} })
    server = http.createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const cluster: Cluster = {
      serverUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      namespace: 'a',
      credentials: () => credentials(),
      refused() {},
    }
    client = new KubeHttp(cluster, { userAgent: 'x' })
  })

  afterEach(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })

  const call = (deadlineMs: number): Call => ({ method: 'GET', path: '/x', deadlineMs })
  const tooLate = { status: 0, reason: 'Timeout', message: 'GET /x: no answer within 50 ms' }

  it('gives up on an answer that does not begin in time', async () => {
    answer = () => {}
    await assert.rejects(client.json(call(50)), tooLate)
    await assert.rejects(client.stream(call(50)), tooLate)
  })

  it('gives up on credentials that do not come in time, or when it is told to', async () => {
    credentials = () => new Promise(() => {})
    await assert.rejects(client.json(call(50)), tooLate)
    const stop = new AbortController()
    const stopped = client.json({ ...call(60_000), signal: stop.signal })
    stop.abort(new Error('enough'))
    await assert.rejects(stopped, /^Error: enough$/)
  })

  it('gives up on an answer that does not end in time', async () => {
    answer = response => response.write('{')
    await assert.rejects(client.json(call(50)), tooLate)
  })

  it('lets a stream take its time once it has begun', async () => {
    const ended = Promise.withResolvers<void>()
    answer = response => {
      response.write('one')
      void ended.promise.then(() => response.end('two'))
    }
    const seen: string[] = []
    for await (const chunk of await client.stream(call(1000))) {
      seen.push(Buffer.from(chunk).toString())
      if (seen.length === 1) setTimeout(ended.resolve, 1200)
    }
    assert.deepEqual(seen, ['one', 'two'])
  })

  it('refuses an answer that is not JSON', async () => {
    answer = response => response.end('<html>')
    await assert.rejects(client.json(call(5000)), { status: 200, reason: 'NotJson' })
  })

  it('refuses an answer that does not end, before it fills the memory', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, ' ')
    answer = response => {
      const more = () => {
        while (!response.destroyed && response.write(mebibyte));
      }
      response.on('drain', more)
      more()
    }
    await assert.rejects(client.json(call(20_000)), {
      status: 0,
      reason: 'TooLarge',
      message: /more than 67108864 bytes/,
    })
  }).timeout(20_000)

  it("shows the beginning of what is no Status, such as a proxy's page", async () => {
    answer = response => response.writeHead(502).end(`<html>${'x'.repeat(10_000)}`)
    await assert.rejects(client.json(call(5000)), (error: Error & { status: number; reason: string }) => {
      assert.deepEqual([error.status, error.reason], [502, 'Unknown'])
      assert.match(error.message, /^GET \/x: 502 Unknown: <html>xxx/)
      assert.ok(error.message.length < 2100)
      return true
    })
  })

  it('takes the Retry-After of a Status when there is no header', async () => {
    const status = { kind: 'Status', reason: 'TooManyRequests', message: 'later', details: { retryAfterSeconds: 2 } }
    answer = response => response.writeHead(429).end(JSON.stringify(status))
    await assert.rejects(client.json(call(5000)), { status: 429, reason: 'TooManyRequests', retryAfterMs: 2000 })
  })
})
