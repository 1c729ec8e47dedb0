import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  EventCode,
  EventStatus,
  ReportEventsResponse,
  SyncRulesResponse,
} from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Sensor } from '../../sdk/typescript/src/index.ts'
import { openSensor, wireRule } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

const numRuns = process.env['SOAK'] ? 5_000 : 200
const hot = { temperature: 120 }
const flips = fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })

/** Bytes of a good message with some of them changed, perhaps cut. */
function changed(good: Uint8Array, at: readonly (readonly [number, number])[], cut: boolean): Buffer {
  const bytes = Buffer.from(good)
  for (const [place, byte] of at) bytes[place % bytes.length] = byte
  return cut ? bytes.subarray(0, at[0]![0] % bytes.length) : bytes
}

describe('a sensor of a server that sends garbage', function () {
  this.timeout(60_000)
  let server: ScriptedServer
  let sensor: Sensor
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.etag = 'v1-good'
    server.rules = [wireRule('observe'), wireRule('observe', { field: ['a', '*', 'b'], field_type: 'any', op: 'eq' })]
    sensor = await openSensor(server, { syncMode: 'manual', raiseOnFail: false })
    await sensor.sync()
  })
  afterEach(async () => {
    await sensor.close()
    await server[Symbol.asyncDispose]()
  })

  const answerOf = (etag: string) =>
    SyncRulesResponse.encode({
      rules: server.rules,
      etag,
      paused: false,
      limits: undefined,
      nextSyncAfter: { seconds: 40, nanos: 0 },
      maskPointers: [],
      serverTime: { seconds: 1_795_000_000, nanos: 0 },
      serverVersion: '1.2.3',
    }).finish()

  it('takes each set whole or not at all, never throws, and finds its way back', async () => {
    await fc.assert(
      fc.asyncProperty(flips, fc.boolean(), async (at, cut) => {
        server.plays.sync.push({ body: changed(answerOf('v1-other'), at, cut) })
        const before = sensor.stats().syncs
        const result = await sensor.sync()
        const after = sensor.stats().syncs
        assert.equal(after.full + after.failed, before.full + before.failed + 1)
        assert.equal(result.ok ? 'READY' : 'ERROR', sensor.state)
        sensor.check(hot)
        // Known or not, what is sent as an etag is answered by a good server.
        const good = await sensor.sync()
        assert.deepEqual([good.ok, good.etag, good.rules], [true, 'v1-good', 2])
      }),
      { numRuns },
    )
  })

  it('refuses an etag that no header can carry', async () => {
    server.plays.sync.push({ body: answerOf('v1-é') })
    assert.match((await sensor.sync()).error!, /its etag could not be sent back: "v1-é"/)
    assert.equal((await sensor.sync()).etag, 'v1-good')
  })

  it('keeps events whose fate a report does not tell, and has each stored once in the end', async () => {
    const ids: string[] = []
    await fc.assert(
      fc.asyncProperty(flips, fc.boolean(), async (at, cut) => {
        const [one, two] = [sensor.check(hot), sensor.check(hot)].map(({ matches }) => matches[0]!.eventId!)
        ids.push(one!, two!)
        const result = { errorMessage: '', index: 1, code: EventCode.EVENT_CODE_DUPLICATE }
        const good = ReportEventsResponse.encode({
          results: [{ ...result, eventId: two!, status: EventStatus.EVENT_STATUS_ACCEPTED }],
          acceptedCount: 2,
          rejectedCount: 0,
          duplicateCount: 1,
          retryAfter: undefined,
          limits: undefined,
        }).finish()
        server.plays.report.push({ body: changed(good, at, cut) })
        const { sent, requeued, dropped } = await sensor.flush()
        assert.deepEqual([sent + requeued, dropped, sensor.stats().events.buffered], [2, 0, requeued])
        const { accepted, rejected } = await sensor.flush()
        assert.deepEqual([accepted, rejected], [requeued, 0])
      }),
      { numRuns },
    )
  })
})
