import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import type { PulltraceError } from '../../core/lib/errors.ts'
import { silentLogger } from '../../core/lib/log.ts'
import type { StoreHealth } from '../store/store.ts'
import { healthHandler } from '../tk/health.ts'
import { listenHealth } from './health-listener.ts'
import { urlOf } from './url-of.ts'

async function start(notReady: string | undefined, database: StoreHealth) {
  const parts = { registry: new Registry(), notReady: () => notReady, database: () => database, log: silentLogger }
  const listener = await listenHealth(healthHandler(parts), { host: '127.0.0.1', port: 0 }, undefined)
  const url = urlOf(listener.address, false)
  return {
    port: listener.address.port,
    async get(where: string, method = 'GET') {
      const answer = await fetch(`${url}${where}`, { method })
      return { status: answer.status, body: await answer.text() }
    },
    [Symbol.asyncDispose]: () => listener.close(),
  }
}

const broken: StoreHealth = { healthy: false, kind: 'in_use', reason: 'tk.db is in use', fix: 'stop the other' }

describe('the health of tk-sensor-api', () => {
  it('is ready with a database that works', async () => {
    await using server = await start(undefined, { healthy: true })
    assert.deepEqual(await server.get('/readyz'), { status: 200, body: '{"status":"ok"}\n' })
    assert.equal((await server.get('/healthz')).status, 200)
  })

  it('is not ready without it, says why and what to do, and lives', async () => {
    await using server = await start(undefined, broken)
    const { status, body } = await server.get('/readyz')
    assert.equal(status, 503)
    assert.deepEqual(JSON.parse(body), {
      status: 'unavailable',
      error: 'database connection failed',
      kind: 'in_use',
      reason: 'tk.db is in use',
      fix: 'stop the other',
    })
    assert.equal((await server.get('/healthz')).status, 200)
  })

  it('is not ready while it drains', async () => {
    await using server = await start('draining', { healthy: true })
    const { status, body } = await server.get('/readyz')
    assert.deepEqual([status, JSON.parse(body)], [503, { status: 'unavailable', error: 'draining' }])
  })

  it('has the metrics under both names, and nothing else', async () => {
    await using server = await start(undefined, { healthy: true })
    for (const where of ['/metrics', '/api/v1/stats/prometheus?x=1'])
      assert.equal((await server.get(where)).status, 200)
    assert.equal((await server.get('/other')).status, 404)
    assert.equal((await server.get('/metrics', 'POST')).status, 405)
  })

  it('says which setting to change when its address is taken', async () => {
    await using server = await start(undefined, { healthy: true })
    const again = listenHealth(() => {}, { host: '127.0.0.1', port: server.port, setting: 'TK_X' }, undefined)
    await assert.rejects(again, (error: PulltraceError) => {
      assert.match(error.message, /in use by another program/)
      assert.match(error.details.fix!, /set TK_X to another address/)
      return true
    })
  })
})
