import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { FakeApiServer } from '../core/kube/api-server.fake.ts'
import { pulltraceConfigs } from '../core/kube/resources.ts'
import { until } from '../core/kube/until.fake.ts'
import { systemClock } from '../core/lib/clock.ts'
import { silentLogger } from '../core/lib/log.ts'
import { Controller } from './controller.ts'
import { createOperatorMetrics } from './metrics.ts'
import { settings } from './plan/build.fake.ts'

describe('Controller', () => {
  it('leaves a server that is busy alone, also when that says `Retry-After: 0`', async () => {
    await using server = await FakeApiServer.start()
    server.put(pulltraceConfigs, { metadata: { name: 'pulltrace' } })
    let asked = 0
    server.fault = ({ path, watch }) => {
      if (watch || !path.endsWith('/pulltraceconfigs/pulltrace')) return undefined
      asked++
      return { status: 429, retryAfterSeconds: 0 }
    }
    const api = server.api()
    const controller = new Controller({
      api,
      settings,
      events: { event() {} },
      resyncMs: 600_000,
      drainMs: 0,
      clock: systemClock,
      log: silentLogger,
      metrics: createOperatorMetrics('1'),
    })
    const stop = new AbortController()
    const running = controller.run(stop.signal)
    try {
      await until('it was asked', () => asked > 0)
      // What must not happen within this time has no event to wait for.
      await delay(500)
      assert.equal(asked, 1)
    } finally {
      stop.abort()
      await running
      api.close()
    }
  })
})
