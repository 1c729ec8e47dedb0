import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Sensor, SyncResult } from '../../sdk/typescript/src/index.ts'
import { eventually } from '../eventually.ts'
import { type SensorApiProgram, startSensorApi } from '../rig/pulltrace.ts'
import { admin, applyRules, openReal, storedEvents, writtenRule } from './real-service.fake.ts'

const rounds = process.env['SOAK'] ? 30 : 3

describe('the TypeScript sensor with the real tk-sensor-api', function () {
  this.timeout(120_000)
  let service: SensorApiProgram
  before(async () => {
    service = await startSensorApi()
  })
  after(() => service.stop())

  /** The service looks for changes once a second. */
  const synced = (sensor: Sensor, wanted: (result: SyncResult) => boolean) =>
    eventually('the sync', async () => {
      const result = await sensor.sync()
      return wanted(result) && result
    })

  it('gets the rules of its tags, cheapest first, and reports what matched', async () => {
    await applyRules(service, [
      writtenRule('everywhere'),
      writtenRule('in production', { action: 'drop', scope: { tags: ['production'] } }, { field: ['a', '*', 'total'] }),
      writtenRule('in test', { scope: { tags: ['test'] } }),
    ])
    await using sensor = await openReal(service, {
      tags: ['production'],
      metadata: { team: 'data' },
      syncMode: 'manual',
    })
    await synced(sensor, ({ rules }) => rules === 2)
    const outcome = sensor.check({ total: 200, a: [{}, { total: 2n ** 60n }] }, { batch: '42' })
    assert.deepEqual(
      outcome.matches.map(({ name, action, matchedPath }) => [name, action, matchedPath]),
      [
        ['everywhere', 'observe', ['total']],
        ['in production', 'drop', ['a', 1, 'total']],
      ],
    )
    assert.deepEqual([outcome.action, outcome.keep], ['drop', false])
    assert.equal((await sensor.flush()).accepted, 2)

    const events = (await storedEvents(service)).sort((a, b) => (a.eventId < b.eventId ? -1 : 1))
    assert.deepEqual(
      events.map(({ eventId }) => eventId),
      outcome.matches.map(({ eventId }) => eventId),
    )
    const [first, second] = events as [(typeof events)[0], (typeof events)[0]]
    assert.deepEqual([first.ruleName, first.matchedValueJson, first.action], ['everywhere', '200', 'observe'])
    assert.equal(second.matchedValueJson, String(2n ** 60n))
    assert.equal(second.recordJson, `{"total":200,"a":[{},{"total":${2n ** 60n}}]}`)
    assert.deepEqual(second.tags, ['production'])
    const { batch, team, '$tk.process_id': pid, '$tk.api_type': type } = first.metadata
    assert.deepEqual([batch, team, pid, type], ['42', 'data', String(process.pid), 'typescript'])
  })

  it('observes under a dry run what it would drop, stops at a pause, and has the former etag after it', async () => {
    await applyRules(service, [writtenRule('large', { action: 'drop' })])
    await using sensor = await openReal(service, { syncMode: 'manual' })
    // There may still be one rule of the test before.
    const live = await synced(sensor, () => sensor.check({ total: 200 }).action === 'drop')

    await applyRules(service, [writtenRule('large', { action: 'drop', dry_run: true })])
    const dry = await synced(sensor, ({ etag }) => etag !== live.etag)
    const { action, matches } = sensor.check({ total: 200 })
    assert.equal(action, 'observe')
    await sensor.flush()
    const found = (await storedEvents(service)).find(({ eventId }) => eventId === matches[0]!.eventId)
    assert.deepEqual([found!.action, found!.configuredAction, found!.dryRun], ['observe', 'drop', true])

    await admin(service, 'rules', 'pause', '--why', 'test')
    await synced(sensor, ({ etag }) => etag === 'PAUSED')
    assert.equal(sensor.check({ total: 200 }).action, 'pass')
    await admin(service, 'rules', 'resume')
    await synced(sensor, ({ etag }) => etag === dry.etag)
    const { unchanged } = sensor.stats().syncs
    await sensor.sync()
    assert.equal(sensor.stats().syncs.unchanged, unchanged + 1)
  })

  it('keeps its etag over a restart of the service', async () => {
    await using sensor = await openReal(service, { syncMode: 'manual' })
    const before = await sensor.sync()
    await service.kill9()
    await service.restart()
    assert.deepEqual(await synced(sensor, ({ ok }) => ok), { ...before, changed: false })
    assert.equal(sensor.stats().syncs.full, 1)
  })

  for (const [name, key, message] of [
    ['a malformed key', 'my-key', /UNAUTHENTICATED Invalid API key format/],
    ['an unknown key', `tk-v1-${'0'.repeat(32)}-${randomBytes(32).toString('hex')}`, /UNAUTHENTICATED Invalid API key/],
  ] as const) {
    it(`says what is wrong with ${name}, and lets records pass`, async () => {
      await using sensor = await openReal({ ...service, key })
      assert.equal(sensor.state, 'ERROR')
      assert.match((await sensor.sync()).error!, message)
      assert.equal(sensor.check({ total: 200 }).action, 'pass')
    })
  }

  it('sends a buffer that is full, compressed or not, in chunks that the service takes', async () => {
    await applyRules(service, [writtenRule('large')])
    const before = (await storedEvents(service)).length
    for (const compress of [true, false]) {
      await using sensor = await openReal(service, { syncMode: 'manual', compress })
      await synced(sensor, ({ rules }) => rules === 1)
      const text = randomBytes(1_500).toString('base64')
      for (let n = 0; n < 10_000; n++) sensor.check({ total: 101 + n, text })
      assert.equal(sensor.stats().events.buffered, 10_000)
      const result = await sensor.flush()
      assert.deepEqual([result.sent, result.accepted, result.duplicates, result.error], [10_000, 10_000, 0, undefined])
    }
    assert.equal((await storedEvents(service)).length, before + 20_000)
  })

  it(`loses no event and has none stored twice when the service is killed while it sends, ${rounds} times`, async () => {
    await using sensor = await openReal(service, { syncMode: 'manual' })
    await sensor.sync()
    const already = new Set((await storedEvents(service)).map(({ eventId }) => eventId))
    const recorded: string[] = []
    for (let round = 0; round < rounds; round++) {
      const text = 'x'.repeat(3_000)
      for (let n = 0; n < 9_000; n++) recorded.push(sensor.check({ total: 101 + n, text }).matches[0]!.eventId!)
      const flushing = sensor.flush()
      await delay(Math.random() * 400)
      await service.kill9()
      await service.restart()
      await flushing
      await eventually('the rest is sent', async () => (await sensor.flush()).requeued === 0)
    }
    const stored = (await storedEvents(service)).map(({ eventId }) => eventId).filter(id => !already.has(id))
    assert.deepEqual(stored.sort(), recorded)
    assert.equal(sensor.stats().events.accepted, recorded.length)
  })
})
