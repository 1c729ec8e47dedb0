import assert from 'node:assert/strict'
import { status } from '@grpc/grpc-js'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import { type FailureMode, type Sensor, SensorOffline } from '../../sdk/typescript/src/index.ts'
import { keptLog, openSensor, wireRule } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

const hot = { temperature: 120 }
/** Not retried: these tests are about what follows. */
const broken = { fail: status.INTERNAL }

describe('failure modes of the sensor', () => {
  let server: ScriptedServer
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.etag = 'v1-one'
    server.rules = [wireRule('observe')]
  })
  afterEach(() => server[Symbol.asyncDispose]())

  const matches = (sensor: Sensor) => sensor.check(hot).matches.length

  for (const failureMode of ['fail-safe', 'fail-open-with-cache'] as const) {
    it(`${failureMode}: passes records with a warning when the first sync fails`, async () => {
      server.plays.sync.push(broken)
      const logger = keptLog()
      await using sensor = await openSensor(server, { failureMode, logger })
      assert.equal(sensor.state, 'ERROR')
      assert.deepEqual(sensor.check(hot), { action: 'pass', keep: true, matches: [], ruleSetEtag: undefined })
      const warnings = logger.lines.filter(({ level }) => level === 'warn')
      assert.deepEqual(
        warnings.map(({ message }) => message),
        ['Operating without rules (initial sync failed)'],
      )
    })
  }

  it('fail-closed: does not open when the first sync fails', async () => {
    server.plays.sync.push(broken)
    await assert.rejects(openSensor(server, { failureMode: 'fail-closed' }), (error: Error) => {
      assert.ok(error instanceof SensorOffline)
      assert.match(error.message, /fail-closed: syncRules at http:.* failed: INTERNAL as scripted/)
      return true
    })
  })

  it('fail-safe: turns the rules off at once when a later sync fails, and on again when one succeeds', async () => {
    await using sensor = await openSensor(server)
    assert.deepEqual([sensor.state, matches(sensor)], ['READY', 1])
    server.plays.sync.push(broken)
    assert.equal((await sensor.sync()).ok, false)
    assert.deepEqual([sensor.state, matches(sensor), sensor.stats().rules], ['ERROR', 0, 0])
    const again = await sensor.sync()
    // The set was kept aside: an unchanged answer was enough.
    assert.deepEqual(again, { ok: true, changed: false, etag: 'v1-one', rules: 1, error: undefined })
    assert.deepEqual(sensor.stats().syncs, { full: 1, unchanged: 1, failed: 1 })
    assert.deepEqual([sensor.state, matches(sensor)], ['READY', 1])
  })

  it('fail-closed: every check throws after a failed sync, until one succeeds', async () => {
    await using sensor = await openSensor(server, { failureMode: 'fail-closed' })
    assert.equal(matches(sensor), 1)
    server.plays.sync.push(broken)
    await sensor.sync()
    assert.equal(sensor.state, 'ERROR')
    assert.throws(() => sensor.check({}), SensorOffline)
    assert.throws(() => sensor.check(hot), SensorOffline)
    await sensor.sync()
    assert.deepEqual([sensor.state, matches(sensor)], ['READY', 1])
  })

  it('fail-closed: nothing passes before the first sync of a sensor that syncs by hand', async () => {
    await using sensor = await openSensor(server, { failureMode: 'fail-closed', syncMode: 'manual' })
    assert.equal(sensor.state, 'NOT_READY')
    assert.throws(() => sensor.check({}), SensorOffline)
    await sensor.sync()
    assert.equal(matches(sensor), 1)
  })

  it('fail-open-with-cache: keeps the rules for the TTL, counted from the last good sync by a clock that never goes back', async () => {
    const clock = new SteppedClock(1_000_000)
    const options = { failureMode: 'fail-open-with-cache', cacheTtl: '5m', syncMode: 'manual', clock } as const
    await using sensor = await openSensor(server, options)
    await sensor.sync()
    await clock.advance(60_000)
    server.plays.sync.push(broken)
    await sensor.sync()
    assert.deepEqual([sensor.state, matches(sensor)], ['STALE', 1])
    await clock.advance(240_000)
    assert.deepEqual([matches(sensor), sensor.state], [1, 'STALE'])
    await clock.advance(1)
    assert.deepEqual([matches(sensor), sensor.state], [0, 'ERROR'])
    // Too old is too old, also for a failure that comes later.
    server.plays.sync.push(broken)
    await sensor.sync()
    assert.deepEqual([matches(sensor), sensor.state], [0, 'ERROR'])
    await sensor.sync()
    assert.deepEqual([matches(sensor), sensor.state], [1, 'READY'])
  })

  it('fail-open-with-cache: an unchanged answer clears STALE and renews the TTL', async () => {
    const clock = new SteppedClock(0)
    const options = { failureMode: 'fail-open-with-cache', syncMode: 'manual', clock } as const
    await using sensor = await openSensor(server, options)
    await sensor.sync()
    await clock.advance(200_000)
    server.plays.sync.push(broken)
    await sensor.sync()
    assert.equal(sensor.state, 'STALE')
    await sensor.sync()
    assert.deepEqual([sensor.state, sensor.stats().syncs.unchanged], ['READY', 1])
    server.plays.sync.push(broken)
    await sensor.sync()
    await clock.advance(299_999)
    assert.deepEqual([matches(sensor), sensor.state], [1, 'STALE'])
  })

  it('is NOT_READY and passes records while a sensor that syncs by hand has not', async () => {
    await using sensor = await openSensor(server, { syncMode: 'manual' })
    assert.deepEqual([sensor.state, matches(sensor), server.syncs.length], ['NOT_READY', 0, 0])
  })

  it('tells each change of state once, to the log and to listeners, and survives a listener that throws', async () => {
    const logger = keptLog()
    await using sensor = await openSensor(server, { syncMode: 'manual', logger })
    const changes: string[] = []
    sensor.on('state', () => {
      throw new Error('no matter')
    })
    const off = sensor.on('state', (state, before) => changes.push(`${before} > ${state}`))
    await sensor.sync()
    await sensor.sync()
    server.plays.sync.push(broken, broken)
    await sensor.sync()
    await sensor.sync()
    off()
    await sensor.sync()
    assert.deepEqual(changes, ['NOT_READY > READY', 'READY > ERROR'])
    assert.deepEqual(
      logger.lines.filter(({ message }) => message.startsWith('Operating')).map(({ message }) => message),
      ['Operating without rules (sync failed)'],
    )
  })

  for (const failureMode of ['fail-safe', 'fail-closed', 'fail-open-with-cache'] satisfies FailureMode[]) {
    it(`${failureMode}: events that cannot be sent are a warning, and wait`, async () => {
      const logger = keptLog()
      await using sensor = await openSensor(server, { failureMode, logger })
      matches(sensor)
      server.plays.report.push({ fail: status.PERMISSION_DENIED, details: 'API key has been revoked' })
      const result = await sensor.flush()
      assert.deepEqual([result.sent, result.requeued, sensor.state], [0, 1, 'READY'])
      assert.match(result.error!, /PERMISSION_DENIED API key has been revoked/)
      assert.deepEqual(
        logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message),
        ['events not sent, kept for the next flush'],
      )
      assert.equal((await sensor.flush()).accepted, 1)
    })
  }
})
