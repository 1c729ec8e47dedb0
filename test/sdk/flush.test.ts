import assert from 'node:assert/strict'
import { status } from '@grpc/grpc-js'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import { Action, EventCode, EventStatus, MatchKind } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Sensor } from '../../sdk/typescript/src/index.ts'
import { eventually } from '../eventually.ts'
import { inTime, keptLog, limitsOf, openSensor, wireRule } from './open-sensor.fake.ts'
import { type Play, ScriptedServer } from './scripted-server.fake.ts'

describe('Sensor.flush', () => {
  let server: ScriptedServer
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.etag = 'v1-one'
    server.rules = [wireRule('observe')]
  })
  afterEach(() => server[Symbol.asyncDispose]())

  /** Records events, one for each record, in order. */
  const record = (sensor: Sensor, count: number, more: object = {}) => {
    for (let n = 0; n < count; n++) sensor.check({ temperature: 101 + n, ...more })
  }
  const none = { sent: 0, accepted: 0, duplicates: 0, rejected: 0, requeued: 0, dropped: 0, error: undefined }
  const sizes = () => server.reports.map(({ request }) => request.events.length)
  const storedTemperatures = () =>
    [...server.stored.values()].map(({ recordJson }) => JSON.parse(recordJson.toString('utf8')).temperature)

  it('sends nothing when there is nothing', async () => {
    await using sensor = await openSensor(server)
    assert.deepEqual(await sensor.flush(), none)
    assert.equal(server.reports.length, 0)
  })

  it('sends what matched, with all that the server is to know', async () => {
    const options = { tags: ['production'], metadata: { team: 'data' } }
    await using sensor = await openSensor(server, options)
    const [match] = sensor.check(
      { temperature: 120.5, at: new Date('2026-01-31T08:00:00.250Z') },
      { batch: '42' },
    ).matches
    assert.deepEqual(await sensor.flush(), { ...none, sent: 1, accepted: 1 })
    const [{ request, headers }] = server.reports as [(typeof server.reports)[0]]
    const [event] = request.events as [(typeof request.events)[0]]
    assert.equal(event.eventId, match!.eventId)
    assert.equal(event.ruleId, server.rules[0]!.ruleId)
    assert.deepEqual([event.ruleVersion, event.groupIndex, event.conditionIndex], [3, 0, 0])
    assert.deepEqual([event.action, event.matchKind], [Action.ACTION_OBSERVE, MatchKind.MATCH_KIND_VALUE])
    assert.equal(event.matchedPath!.segments[0]!.fieldName, 'temperature')
    assert.equal(event.matchedValueJson, '120.5')
    assert.equal(event.recordJson.toString('utf8'), '{"temperature":120.5,"at":"2026-01-31T08:00:00.25Z"}')
    assert.deepEqual([event.metadata, request.metadata], [{ batch: '42' }, { team: 'data' }])
    assert.deepEqual(request.tags, ['production'])
    assert.equal(request.sensorId, server.syncs[0]!.request.sensorId)
    assert.equal(request.sdk!.name, '@trapperkeeper/sensor')
    assert.equal(request.systemMetadata['process_id'], String(process.pid))
    assert.equal(request.compactResults, true)
    assert.deepEqual(headers.get('x-api-key'), ['key'])
    for (const at of [event.clientTimestamp!, request.clientTimestamp!]) {
      assert.ok(Math.abs(at.seconds * 1000 - Date.now()) < 60_000)
    }
  })

  it('gives each event the metadata that the sensor had when it happened', async () => {
    await using sensor = await openSensor(server, { metadata: { team: 'data' } })
    record(sensor, 2)
    sensor.addMetadata({ stage: 'second' })
    record(sensor, 1)
    assert.equal((await sensor.flush()).accepted, 3)
    assert.deepEqual(
      server.reports.map(({ request }) => [request.events.length, request.metadata]),
      [
        [2, { team: 'data' }],
        [1, { team: 'data', stage: 'second' }],
      ],
    )
  })

  it('never happens by itself', async () => {
    const clock = new SteppedClock(0)
    await using sensor = await openSensor(server, { clock })
    record(sensor, 5)
    await clock.advance(60_000)
    await sensor.sync()
    assert.equal(server.reports.length, 0)
  })

  it('cuts at 1,000 events and 4,000,000 bytes, oldest first, until the server says otherwise', async () => {
    await using sensor = await openSensor(server)
    record(sensor, 2_500)
    await sensor.flush()
    assert.deepEqual(sizes(), [1_000, 1_000, 500])
    assert.deepEqual(
      storedTemperatures(),
      Array.from({ length: 2_500 }, (_, n) => 101 + n),
    )
    record(sensor, 10, { text: 'x'.repeat(900_000) })
    await sensor.flush()
    assert.deepEqual(sizes().slice(3), [4, 4, 2])
    assert.ok(server.reports.every(({ bytes }) => bytes <= 4_000_000))
  })

  it('heeds the limits that the server gives with rules, and with answers', async () => {
    server.limits = limitsOf({ maxEventsPerRequest: 3 })
    await using sensor = await openSensor(server)
    record(sensor, 7)
    await sensor.flush()
    server.limits = limitsOf({ maxEventsPerRequest: 5_000 })
    record(sensor, 1)
    await sensor.flush()
    record(sensor, 1_500)
    await sensor.flush()
    server.limits = limitsOf({ maxRequestBytes: 20_000 })
    record(sensor, 1)
    await sensor.flush()
    record(sensor, 200)
    await sensor.flush()
    assert.deepEqual(sizes().slice(0, 6), [3, 3, 1, 1, 1_500, 1])
    const last = server.reports.slice(6)
    assert.ok(last.length > 1 && last.every(({ bytes }) => bytes <= 20_000))
    assert.equal(server.stored.size, 7 + 1 + 1_500 + 1 + 200)
  })

  it('waits between calls as long as the server wishes, at most 30 seconds, also from flush to flush', async () => {
    const clock = new SteppedClock(0)
    server.limits = limitsOf({ maxEventsPerRequest: 2 })
    await using sensor = await openSensor(server, { clock, syncMode: 'manual' })
    await sensor.sync()
    record(sensor, 4)
    server.retryAfterSeconds = 3
    await inTime(clock, sensor.flush())
    record(sensor, 1)
    server.retryAfterSeconds = 3_600
    await inTime(clock, sensor.flush())
    record(sensor, 1)
    server.retryAfterSeconds = 0
    await inTime(clock, sensor.flush())
    assert.deepEqual(clock.slept, [3_000, 3_000, 30_000])
    assert.equal(server.stored.size, 6)
  })

  it('halves what the server refuses for its size, and drops an event that is too large alone', async () => {
    await using small = await ScriptedServer.start({ maxReceiveBytes: 100_000 })
    small.rules = server.rules
    const logger = keptLog()
    await using sensor = await openSensor(small, { logger, compress: false })
    record(sensor, 300, { text: 'x'.repeat(400) })
    sensor.check({ temperature: 1_000, text: 'x'.repeat(200_000) })
    record(sensor, 300, { text: 'x'.repeat(400) })
    const result = await sensor.flush()
    assert.deepEqual([result.accepted, result.dropped, result.requeued], [600, 1, 0])
    assert.match(result.error!, /too large|for its size/)
    assert.deepEqual([small.stored.size, sensor.stats().events.dropped.eventTooLarge], [600, 1])
    const told = logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    assert.deepEqual(told, ['events dropped, too large for the server'])
  })

  it('sends 100 MB in chunks, each event once', async function () {
    this.timeout(60_000)
    await using sensor = await openSensor(server, { compress: false })
    const text = 'x'.repeat(1_000_000)
    for (let n = 0; n < 100; n++) sensor.check({ temperature: 101 + n, text })
    assert.ok(sensor.stats().events.bufferedBytes > 100_000_000)
    const result = await sensor.flush()
    assert.deepEqual(result, { ...none, sent: 100, accepted: 100 })
    assert.deepEqual([server.stored.size, server.duplicates], [100, 0])
    assert.ok(server.reports.every(({ bytes }) => bytes <= 4_000_000))
    assert.deepEqual([sensor.stats().events.buffered, sensor.stats().events.bufferedBytes], [0, 0])
  })

  it('joins the flush that runs; what comes in the meantime waits for the next', async () => {
    await using sensor = await openSensor(server)
    record(sensor, 3)
    server.onReport = () => record(sensor, 1)
    const [first, second] = await Promise.all([sensor.flush(), sensor.flush()])
    assert.deepEqual([first, second], [{ ...none, sent: 3, accepted: 3 }, first])
    assert.deepEqual([sizes(), sensor.stats().events.buffered, sensor.stats().events.sent], [[3], 1, 3])
  })

  it('counts events that were stored before', async () => {
    await using sensor = await openSensor(server)
    const clock = new SteppedClock(0)
    await using other = await openSensor(server, { clock })
    record(other, 3)
    server.plays.report.push('cut after work')
    const result = await inTime(clock, other.flush())
    assert.deepEqual(result, { ...none, sent: 3, accepted: 3, duplicates: 3 })
    assert.deepEqual([server.stored.size, server.reports.length, sensor.state], [3, 2, 'READY'])
  })

  for (const [name, play, retryMs] of [
    ['UNAVAILABLE', { fail: status.UNAVAILABLE }, undefined],
    ['DEADLINE_EXCEEDED', { fail: status.DEADLINE_EXCEEDED }, undefined],
    ['a cut connection', 'cut', undefined],
    ['RESOURCE_EXHAUSTED with a RetryInfo', { fail: status.RESOURCE_EXHAUSTED, retryInfoMs: 2_500 }, 2_500],
    ['RESOURCE_EXHAUSTED with retry-after-ms', { fail: status.RESOURCE_EXHAUSTED, retryAfterMs: 30_000 }, 30_000],
    ['UNAVAILABLE with a RetryInfo', { fail: status.UNAVAILABLE, retryInfoMs: 100 }, 100],
  ] as const satisfies readonly (readonly [string, Play, number | undefined])[]) {
    it(`is tried three more times after ${name}`, async () => {
      const clock = new SteppedClock(0)
      await using sensor = await openSensor(server, { clock, syncMode: 'manual' })
      await sensor.sync()
      record(sensor, 4)
      server.plays.report.push(play, play, play)
      const result = await inTime(clock, sensor.flush())
      assert.deepEqual(result, { ...none, sent: 4, accepted: 4 })
      assert.equal(server.reports.length, 4)
      for (const [index, ms] of clock.slept.entries()) {
        const [from, to] = retryMs === undefined ? [500 * 2 ** index, 1_500 * 2 ** index] : [retryMs, retryMs]
        assert.ok(ms >= from && ms <= to, `${ms} is from ${from} to ${to}`)
      }
      assert.equal(clock.slept.length, 3)
    })
  }

  for (const [name, play, calls] of [
    ['UNAVAILABLE four times', { fail: status.UNAVAILABLE }, 4],
    ['a delay of more than 30 seconds', { fail: status.RESOURCE_EXHAUSTED, retryInfoMs: 31_000 }, 1],
    ['UNAUTHENTICATED', { fail: status.UNAUTHENTICATED }, 1],
    ['INTERNAL', { fail: status.INTERNAL }, 1],
    ['an answer that cannot be decoded', { body: Buffer.from('0a05ffffffff', 'hex') }, 1],
    ['an answer that speaks of no event', { body: new Uint8Array() }, 1],
  ] as const satisfies readonly (readonly [string, Play, number])[]) {
    it(`keeps everything, in order and first in line, after ${name}`, async () => {
      const clock = new SteppedClock(0)
      server.limits = limitsOf({ maxEventsPerRequest: 2 })
      await using sensor = await openSensor(server, { clock, syncMode: 'manual' })
      await sensor.sync()
      record(sensor, 5)
      server.plays.report.push(...Array(calls).fill(play))
      const result = await inTime(clock, sensor.flush())
      assert.deepEqual({ ...result, error: undefined }, { ...none, requeued: 5 })
      assert.ok(result.error)
      assert.deepEqual([server.reports.length, sensor.stats().events.buffered], [calls, 5])
      sensor.check({ temperature: 999 })
      assert.equal((await sensor.flush()).accepted, 6)
      assert.deepEqual(storedTemperatures(), [101, 102, 103, 104, 105, 999])
    })
  }

  it('loses no event and sends none twice when the server dies in the middle', async () => {
    const clock = new SteppedClock(0)
    server.limits = limitsOf({ maxEventsPerRequest: 10 })
    await using sensor = await openSensor(server, { clock, syncMode: 'manual' })
    await sensor.sync()
    const ids: string[] = []
    for (let n = 0; n < 50; n++) ids.push(sensor.check({ temperature: 101 + n }).matches[0]!.eventId!)
    let died: Promise<void> | undefined
    server.plays.report.push(...Array(2), 'cut after work')
    server.onReport = () => {
      if (server.reports.length === 3) died = server.down()
    }
    const first = await inTime(clock, sensor.flush())
    await died
    // The third was stored, but nobody could say so.
    assert.deepEqual([first.accepted, first.requeued, server.stored.size], [20, 30, 30])
    await server.up()
    await eventually('the rest', async () => (await inTime(clock, sensor.flush())).requeued === 0)
    assert.deepEqual([...server.stored.keys()], ids)
    assert.equal(server.duplicates, 10)
    assert.equal(sensor.stats().events.accepted, 50)
  })

  it('warns once of events that the server rejects for good, and does not send them again', async () => {
    const logger = keptLog()
    await using sensor = await openSensor(server, { logger })
    record(sensor, 10)
    server.judge = event => {
      const number = Number(event.matchedValueJson)
      const code = number < 104 ? EventCode.EVENT_CODE_INVALID_FIELD : EventCode.EVENT_CODE_INVALID_RECORD
      return number < 105 ? { status: EventStatus.EVENT_STATUS_REJECTED, code } : undefined
    }
    assert.deepEqual(await sensor.flush(), { ...none, sent: 10, accepted: 6, rejected: 4 })
    assert.deepEqual(
      logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields),
      [{ INVALID_FIELD: 3, INVALID_RECORD: 1 }],
    )
    assert.deepEqual(await sensor.flush(), none)
  })

  it('sends again only what the server could not store for now', async () => {
    const clock = new SteppedClock(0)
    await using sensor = await openSensor(server, { clock, syncMode: 'manual' })
    await sensor.sync()
    record(sensor, 5)
    const code = EventCode.EVENT_CODE_STORAGE
    server.judge = ({ matchedValueJson }) =>
      matchedValueJson === '103' && server.reports.length < 3
        ? { status: EventStatus.EVENT_STATUS_ERROR, code }
        : undefined
    assert.deepEqual(await inTime(clock, sensor.flush()), { ...none, sent: 5, accepted: 5 })
    assert.deepEqual(sizes(), [5, 1, 1])
    server.judge = ({ matchedValueJson }) =>
      matchedValueJson === '101' ? { status: EventStatus.EVENT_STATUS_ERROR, code } : undefined
    record(sensor, 2)
    const result = await inTime(clock, sensor.flush())
    assert.deepEqual([result.accepted, result.requeued], [1, 1])
    assert.match(result.error!, /STORAGE as scripted/)
    assert.equal(sensor.stats().events.buffered, 1)
    server.judge = () => undefined
  })

  it('takes the results of a server that knows neither indexes nor compact results', async () => {
    await using sensor = await openSensor(server)
    record(sensor, 1)
    const id = sensor.check({ temperature: 200 }).matches[0]!.eventId!
    // ReportEventsResponse { results: [{ event_id: id, status: REJECTED }], accepted_count: 1, rejected_count: 1 }
    const result = Buffer.concat([Buffer.from([0x0a, 36]), Buffer.from(id), Buffer.from([0x10, 2])])
    const body = Buffer.concat([Buffer.from([0x0a, result.length]), result, Buffer.from([0x10, 1, 0x18, 1])])
    server.plays.report.push({ body })
    assert.deepEqual(await sensor.flush(), { ...none, sent: 2, accepted: 1, rejected: 1 })
  })
})
