import assert from 'node:assert/strict'
import { status } from '@grpc/grpc-js'
import type { Sensor } from '../../sdk/typescript/src/index.ts'
import { keptLog, openSensor, wireRule } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

const hot = { temperature: 120 }
const matches = (sensor: Sensor) => sensor.check(hot).matches.length

describe('the ETag as the sensor uses it', () => {
  let server: ScriptedServer
  const asked = () => server.syncs.map(({ headers }) => headers.get('if-none-match')[0])
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.etag = 'v1-one'
    server.rules = [wireRule('observe')]
  })
  afterEach(() => server[Symbol.asyncDispose]())

  it('(1) is not sent with the first sync, and (2) is with the second, which is unchanged', async () => {
    await using sensor = await openSensor(server)
    assert.deepEqual(await sensor.sync(), { ok: true, changed: false, etag: 'v1-one', rules: 1, error: undefined })
    assert.deepEqual(asked(), [undefined, 'v1-one'])
    assert.equal(matches(sensor), 1)
    assert.deepEqual(sensor.stats().syncs, { full: 1, unchanged: 1, failed: 0 })
  })

  it('is sent with an API key, a request id that differs each time, the tags once each, and the sensor id', async () => {
    await using sensor = await openSensor(server, { tags: ['b', 'a', 'b'], apiKey: 'my-key' })
    await sensor.sync()
    const [first, second] = server.syncs
    assert.deepEqual(first!.headers.get('x-api-key'), ['my-key'])
    assert.deepEqual(first!.request.tags, ['b', 'a'])
    assert.equal(first!.request.protocolVersion, 1)
    assert.match(first!.request.sensorId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(second!.request.sensorId, first!.request.sensorId)
    const ids = server.syncs.map(({ headers }) => headers.get('x-request-id')[0])
    assert.equal(new Set(ids).size, 2)
  })

  it('(6) a full answer with zero rules clears the set, and the next sync is unchanged', async () => {
    await using sensor = await openSensor(server)
    server.etag = 'v1-none'
    server.rules = []
    assert.deepEqual(await sensor.sync(), { ok: true, changed: true, etag: 'v1-none', rules: 0, error: undefined })
    assert.deepEqual([sensor.state, matches(sensor)], ['READY', 0])
    assert.equal((await sensor.sync()).changed, false)
  })

  it('(7) a pause takes all rules out of force under its own etag, and resuming brings the former back', async () => {
    const logger = keptLog()
    await using sensor = await openSensor(server, { logger })
    server.paused = true
    await sensor.sync()
    await sensor.sync()
    assert.deepEqual([sensor.state, matches(sensor), sensor.check(hot).ruleSetEtag], ['READY', 0, 'PAUSED'])
    assert.equal(logger.lines.filter(({ message }) => message.includes('paused')).length, 1)
    server.paused = false
    assert.equal((await sensor.sync()).etag, 'v1-one')
    assert.deepEqual(asked(), [undefined, 'v1-one', 'PAUSED', 'PAUSED'])
    assert.equal(matches(sensor), 1)
  })

  it('(8) is not stored when the set cannot be decoded: the old one stays, and the next sync fetches again', async () => {
    await using sensor = await openSensor(server, { failureMode: 'fail-open-with-cache' })
    server.etag = 'v1-two'
    server.rules = []
    const garbage = Buffer.from('0a05ffffffff', 'hex')
    server.plays.sync.push({ body: garbage, headers: { 'x-etag': 'v1-two' } })
    const result = await sensor.sync()
    assert.equal(result.ok, false)
    assert.match(result.error!, /syncRules answered what cannot be used: it cannot be decoded/)
    assert.deepEqual([sensor.state, matches(sensor)], ['STALE', 1])
    await sensor.sync()
    assert.deepEqual(asked(), [undefined, 'v1-one', 'v1-one'])
    assert.deepEqual([sensor.state, matches(sensor)], ['READY', 0])
  })

  it('(8) is not stored either when the server asks for what this sensor cannot do: masks', async () => {
    await using sensor = await openSensor(server, { failureMode: 'fail-open-with-cache' })
    // SyncRulesResponse { etag: "v1-m", mask_pointers: ["/password"] }
    const etag = Buffer.concat([Buffer.from([0x12, 4]), Buffer.from('v1-m')])
    const masks = Buffer.concat([Buffer.from([0xba, 0x06, 9]), Buffer.from('/password')])
    server.plays.sync.push({ body: Buffer.concat([etag, masks]) })
    assert.match((await sensor.sync()).error!, /masks/)
    assert.deepEqual([sensor.state, sensor.check(hot).ruleSetEtag], ['STALE', 'v1-one'])
  })

  for (const [name, headers] of [
    ['another x-etag', { 'x-etag': 'v1-two', 'x-not-modified': '1' }],
    ['no x-etag', {}],
  ] as const) {
    it(`(9) an empty answer with ${name} is a failed sync, and the set stays`, async () => {
      await using sensor = await openSensor(server, { failureMode: 'fail-open-with-cache' })
      server.plays.sync.push({ body: new Uint8Array(), headers })
      assert.equal((await sensor.sync()).ok, false)
      assert.deepEqual([sensor.state, matches(sensor)], ['STALE', 1])
    })
  }

  it('(9) an empty answer to a sync that sent no etag is a failed sync', async () => {
    server.plays.sync.push({ body: new Uint8Array(), headers: { 'x-etag': '' } })
    await using sensor = await openSensor(server)
    assert.equal(sensor.state, 'ERROR')
  })

  it('(10) unchanged after an error brings the rules back in force', async () => {
    await using sensor = await openSensor(server)
    server.plays.sync.push({ fail: status.INTERNAL })
    await sensor.sync()
    assert.equal(matches(sensor), 0)
    await sensor.sync()
    assert.deepEqual([sensor.state, matches(sensor), sensor.stats().syncs.full], ['READY', 1, 1])
  })

  it('(11) unchanged does not reset what is counted', async () => {
    await using sensor = await openSensor(server)
    matches(sensor)
    const before = sensor.stats()
    await sensor.sync()
    const after = sensor.stats()
    assert.deepEqual({ ...after, syncs: before.syncs }, before)
  })

  it('(15) a full answer to an etag that the server does not know is taken', async () => {
    await using sensor = await openSensor(server)
    server.etag = 'v1-two'
    server.rules = [wireRule('drop')]
    await sensor.sync()
    assert.deepEqual(asked(), [undefined, 'v1-one'])
    const { action, keep, ruleSetEtag } = sensor.check(hot)
    assert.deepEqual([action, keep, ruleSetEtag], ['drop', false, 'v1-two'])
  })

  it('a set with rules that this sensor does not understand is in force without them, and its etag is stored', async () => {
    const logger = keptLog()
    const unknown = { ...wireRule(), action: 9 as never }
    const empty = { ...wireRule(), andGroups: [{ groupIndex: 0, conditions: [] }] }
    server.rules = [unknown, empty, ...server.rules]
    await using sensor = await openSensor(server, { logger })
    await sensor.sync()
    assert.deepEqual(asked(), [undefined, 'v1-one'])
    assert.equal(matches(sensor), 1)
    assert.deepEqual([sensor.stats().rules, sensor.stats().invalidRules], [1, 2])
    const told = logger.lines.filter(({ message }) => message === 'rule cannot be used')
    assert.deepEqual(
      told.map(({ fields }) => [fields['rule'], fields['version']]),
      [
        [unknown.ruleId, 3],
        [empty.ruleId, 3],
      ],
    )
  })
})
