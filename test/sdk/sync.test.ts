import assert from 'node:assert/strict'
import { status } from '@grpc/grpc-js'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import { eventually } from '../eventually.ts'
import { inTime, openSensor, wireRule } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

describe('syncs of the sensor', () => {
  let server: ScriptedServer
  let clock: SteppedClock
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.rules = [wireRule()]
    clock = new SteppedClock(1_000_000)
  })
  afterEach(() => server[Symbol.asyncDispose]())

  const between = (ms: number | undefined, from: number, to: number) =>
    assert.ok(ms !== undefined && ms >= from && ms <= to, `${ms} is from ${from} to ${to}`)
  const opened = async () => {
    const sensor = await openSensor(server, { clock })
    await clock.whenSleeping()
    return sensor
  }
  /** Lets the sleeping loop sync `count` times; the waits before each. */
  const waits = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const before = server.syncs.length
      const slept = clock.slept.length
      await clock.advance(clock.slept.at(-1)!)
      await eventually('a sync', () => server.syncs.length > before)
      await eventually('the next wait', () => clock.slept.length > slept)
    }
    return clock.slept.slice(-count - 1)
  }

  for (const code of [
    status.UNAVAILABLE,
    status.DEADLINE_EXCEEDED,
    status.CANCELLED,
    status.ABORTED,
    status.DATA_LOSS,
  ]) {
    it(`are tried again after ${status[code]}, half a second and a second later, each jittered`, async () => {
      server.plays.sync.push({ fail: code }, { fail: code })
      const opening = openSensor(server, { clock })
      await clock.whenSleeping()
      between(clock.slept[0], 250, 750)
      await clock.advance(750)
      await clock.whenSleeping()
      between(clock.slept[1], 500, 1_500)
      await clock.advance(1_500)
      await using sensor = await opening
      assert.deepEqual([server.syncs.length, sensor.state, sensor.stats().syncs.failed], [3, 'READY', 0])
    })
  }

  it('fail after the third try', async () => {
    server.plays.sync.push(...Array(3).fill({ fail: status.UNAVAILABLE }))
    const opening = openSensor(server, { clock })
    for (const ms of [750, 1_500]) {
      await clock.whenSleeping()
      await clock.advance(ms)
    }
    await using sensor = await opening
    assert.deepEqual([server.syncs.length, sensor.state], [3, 'ERROR'])
  })

  for (const code of [
    status.UNAUTHENTICATED,
    status.PERMISSION_DENIED,
    status.INVALID_ARGUMENT,
    status.UNIMPLEMENTED,
  ]) {
    it(`are not tried again after ${status[code]}, and come next in five minutes`, async () => {
      server.plays.sync.push({ fail: code })
      await using sensor = await opened()
      assert.deepEqual([server.syncs.length, sensor.state], [1, 'ERROR'])
      between(clock.slept.at(-1), 270_000, 330_000)
      const [, next] = await waits(1)
      // The key was mended: back to the usual pace.
      assert.equal(sensor.state, 'READY')
      between(next, 27_000, 33_000)
    })
  }

  for (const code of [status.INTERNAL, status.RESOURCE_EXHAUSTED, status.UNKNOWN]) {
    it(`are not tried again at once after ${status[code]}`, async () => {
      server.plays.sync.push({ fail: code })
      await using sensor = await openSensor(server, { clock })
      assert.deepEqual([server.syncs.length, sensor.state], [1, 'ERROR'])
    })
  }

  it('wait as long as a server over its limits asks', async () => {
    server.plays.sync.push({ fail: status.RESOURCE_EXHAUSTED, retryInfoMs: 90_000 })
    await using _ = await opened()
    assert.ok(clock.slept.at(-1)! >= 90_000)
  })

  it('come first at a random point of one interval, then each interval within 10 %, differently each time', async () => {
    await using _ = await opened()
    const [first, ...others] = await waits(6)
    between(first, 0, 30_000)
    for (const ms of others) between(ms, 27_000, 33_000)
    assert.ok(new Set(others).size > 1)
  })

  it('come later when the server wishes so, also after unchanged answers, and never before its least interval', async () => {
    server.nextSyncAfterMs = 120_000
    server.limits = {
      maxRequestBytes: 0,
      maxEventsPerRequest: 0,
      maxEventBytes: 0,
      minSyncInterval: { seconds: 115, nanos: 0 },
      maxTags: 0,
      maxResponseBytes: 0,
    }
    await using sensor = await opened()
    const [, ...others] = await waits(4)
    for (const ms of others) between(ms, 115_000, 132_000)
    assert.deepEqual(sensor.stats().syncs, { full: 1, unchanged: 4, failed: 0 })
  })

  it('that are asked for at once are one', async () => {
    await using sensor = await openSensor(server, { syncMode: 'manual' })
    const results = await Promise.all([sensor.sync(), sensor.sync(), sensor.sync()])
    assert.deepEqual([server.syncs.length, results.every(({ ok }) => ok)], [1, true])
  })

  it('never happen by themselves in mode manual', async () => {
    await using _ = await openSensor(server, { syncMode: 'manual', clock })
    await clock.advance(86_400_000)
    assert.equal(server.syncs.length, 0)
  })

  it('stop when the sensor closes, also one that is under way', async () => {
    const sensor = await opened()
    server.plays.sync.push('silence')
    const running = sensor.sync()
    await eventually('the sync', () => server.syncs.length === 2)
    await sensor.close()
    assert.match((await running).error!, /the sensor is closed/)
    assert.deepEqual([clock.sleeping, sensor.state], [0, 'READY'])
  })

  it('of a server that is not there fail, and find it when it is', async () => {
    await server.down()
    await using sensor = await openSensor(server, { clock, syncMode: 'manual' })
    assert.equal((await inTime(clock, sensor.sync())).ok, false)
    await server.up()
    await eventually('a good sync', async () => (await inTime(clock, sensor.sync())).ok)
    assert.equal(sensor.state, 'READY')
  })
})
