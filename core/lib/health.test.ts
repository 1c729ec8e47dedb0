import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createAgentMetrics } from '../../agent/metrics.ts'
import type { PulltraceError } from './errors.ts'
import { type Health, openHealth } from './health.ts'

describe('openHealth', () => {
  let server: Health
  let reason: string | undefined
  let url: string
  const metrics = createAgentMetrics('0.1.0')

  before(async () => {
    server = await openHealth({
      address: { host: '127.0.0.1', port: 0 },
      notReady: () => reason,
      metrics: metrics.registry,
    })
    url = `http://127.0.0.1:${server.address.port}`
  })
  after(() => server.close())
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, init)
    return { status: response.status, text: await response.text() }
  }

  it('is healthy as long as it answers', async () =>
    assert.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n' }))

  it('is ready when there is no reason against it', async () => {
    assert.deepEqual(await get('/readyz'), { status: 200, text: 'ok\n' })
    reason = 'not ready: because'
    assert.deepEqual(await get('/readyz'), { status: 503, text: 'not ready: because\n' })
  })

  it('shows its metrics', async () => {
    metrics.ended('failed')
    metrics.delivered('answered', 0.01)
    const { text } = await get('/metrics')
    assert.match(text, /pulltrace_agent_info\{version="0\.1\.0"\} 1/)
    assert.match(text, /pulltrace_agent_pulls_ended_total\{phase="failed"\} 1/)
    assert.match(text, /pulltrace_agent_reports_total\{outcome="answered"\} 1/)
  })

  it('ends although a scraper has sent half a request', async () => {
    const { address, close } = await openHealth({
      address: { host: '127.0.0.1', port: 0 },
      notReady: () => undefined,
      metrics: metrics.registry,
    })
    const half = connect(address.port, address.address)
    await once(half, 'connect')
    half.write('GET /metr')
    // Answered over another connection, so the half request has been read.
    await fetch(`http://${address.address}:${address.port}/healthz`)
    const cut = once(half, 'close')
    half.on('error', () => {})
    await close()
    await cut
  })

  it('says whose address is taken and which setting moves it', async () => {
    const address = { host: '127.0.0.1', port: server.address.port, setting: 'PULLTRACE_X' }
    await assert.rejects(
      openHealth({ address, notReady: () => undefined, metrics: metrics.registry }),
      ({ code, message, details }: PulltraceError) => {
        assert.equal(code, 'unavailable')
        assert.equal(message, `'127.0.0.1:${address.port}' is in use by another program`)
        assert.match(details.fix!, /^stop that program, or set PULLTRACE_X to another address/)
        return true
      },
    )
  })

  it('has nothing else', async () => {
    assert.equal((await get('/')).status, 404)
    assert.equal((await get('/healthz', { method: 'POST' })).status, 405)
  })
})
