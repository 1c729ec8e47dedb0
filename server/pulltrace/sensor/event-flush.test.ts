import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { type Clock, systemClock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { eventually } from '../../../test/eventually.ts'
import { EventFlush } from './event-flush.ts'
import { FakeSensor } from './pull-sensor.fake.ts'

describe('EventFlush', () => {
  let sensor: FakeSensor
  let logged: string[]

  const say = (message: string) => void logged.push(message)
  const log: Logger = { debug: say, info: say, warn: say, error: say }
  const flushOn = (clock: Clock) => new EventFlush({ sensor, bufferEvents: 4, clock, log })
  const match = (times: number) => {
    for (let index = 0; index < times; index++) sensor.check({})
  }

  beforeEach(() => {
    logged = []
    sensor = new FakeSensor(4)
    sensor.rules = [{ ruleId: 'r1', action: 'observe', when: () => true }]
  })

  it('sends at once when the buffer is half full, not before', async () => {
    const flush = flushOn(new FakeClock())
    match(1)
    flush.recorded()
    assert.deepEqual(sensor.sent, [])
    match(1)
    flush.recorded()
    await flush.flush()
    assert.equal(sensor.sent.length, 2)
  })

  it('sends what there is each second until it is stopped', async () => {
    match(1)
    const stop = new AbortController()
    const running = flushOn(systemClock).run(stop.signal)
    await eventually('the event is sent', () => sensor.sent.length === 1)
    stop.abort()
    await running
  })

  it('says once that nothing can be sent, and once that it can again', async () => {
    const flush = flushOn(new FakeClock())
    match(1)
    sensor.offline = 'connection refused'
    await flush.flush()
    await flush.flush()
    sensor.offline = undefined
    await flush.flush()
    assert.deepEqual(logged, ['events of rules not sent', 'events of rules are sent again'])
    assert.equal(sensor.sent.length, 1)
  })

  it('closes its sensor, and does not wait for one that cannot send', async () => {
    const quick = flushOn(systemClock)
    await quick.close()
    assert.equal(sensor.closed, true)
    sensor.close = () => new Promise(() => {})
    await flushOn(new FakeClock()).close()
    assert.deepEqual(logged, ['events of rules not sent: no time is left'])
  })
})
