import assert from 'node:assert/strict'
import { credentials, status as Status } from '@grpc/grpc-js'
import fc from 'fast-check'
import {
  type Event,
  EventCode,
  EventStatus,
  SensorAPIClient,
} from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, report } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { startSensorApi } from '../rig/pulltrace.ts'

const count = process.env['SOAK'] ? 10_000 : 1000
const perRequest = 500

type Spoilt = readonly [parts: Partial<Event>, code: EventCode, names: string]
const { EVENT_CODE_INVALID_FIELD: invalidField, EVENT_CODE_INVALID_METADATA: invalidMetadata } = EventCode
const field = (parts: Partial<Event>, name: string): Spoilt => [parts, invalidField, name]

/** Texts that no parser of JSON takes. */
const notJson = fc.string({ maxLength: 40 }).map(text => `{!${text}`)
const keys = fc.stringMatching(/^[a-z]{1,20}$/)

/** One fault each, with what has to be said of it. */
const spoilt: fc.Arbitrary<Spoilt> = fc.oneof(
  fc
    .string({ maxLength: 50 })
    .map((eventId): Spoilt => [{ eventId: `${eventId}x` }, EventCode.EVENT_CODE_INVALID_ID, 'event_id']),
  notJson.map(
    (text): Spoilt => [{ recordJson: Buffer.from(text) }, EventCode.EVENT_CODE_INVALID_RECORD, 'record_json'],
  ),
  fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map(
      (bytes): Spoilt => [
        { recordJson: Buffer.from([34, ...bytes, 0xc0, 34]) },
        EventCode.EVENT_CODE_INVALID_RECORD,
        'record_json',
      ],
    ),
  fc
    .integer({ min: 1_048_577, max: 1_060_000 })
    .map((length): Spoilt => [{ recordJson: Buffer.alloc(length, 32) }, EventCode.EVENT_CODE_TOO_LARGE, '1048576']),
  keys.map((key): Spoilt => [{ metadata: { [`$${key}`]: '' } }, invalidMetadata, "'$'"]),
  keys.map((key): Spoilt => [{ metadata: { [key]: 'v'.repeat(1025) } }, invalidMetadata, key]),
  fc
    .tuple(keys, fc.constantFrom('\u0000', '\u001b[2J', '\u009b'))
    .map(([key, text]): Spoilt => [{ metadata: { [key]: text } }, invalidMetadata, key]),
  fc.string({ minLength: 1, maxLength: 35 }).map(ruleId => field({ ruleId }, 'rule_id')),
  fc.integer({ min: -(2 ** 31), max: -1 }).map(ruleVersion => field({ ruleVersion }, 'rule_version')),
  fc.integer({ min: 4, max: 1000 }).map(action => field({ action: action as never }, 'action')),
  fc.integer({ min: 6, max: 1000 }).map(kind => field({ matchKind: kind as never }, 'match_kind')),
  fc
    .integer({ min: 65, max: 100 })
    .map(length => field({ matchedPath: { segments: Array(length).fill({ fieldName: 'a' }) } }, 'matched_path')),
  notJson.map(matchedValueJson => field({ matchedValueJson }, 'matched_value_json')),
)
const large = EventCode.EVENT_CODE_TOO_LARGE

describe(`${count} bad events among good ones`, function () {
  this.timeout(120_000)

  it('are each rejected with what is wrong, and every good one is stored once', async () => {
    const server = await startSensorApi()
    const client = new SensorAPIClient(server.address, credentials.createInsecure())
    const send = (events: Event[]) => report(client, { events }, { 'x-api-key': server.key })
    try {
      let largest = 40
      // A megabyte each: some are enough.
      const bad = fc
        .sample(spoilt, { seed: 20, numRuns: 2 * count })
        .filter(([, code]) => code !== large || largest-- > 0)
        .slice(0, count)
      assert.equal(bad.length, count)
      const good: Event[] = []
      for (let from = 0; from < count; from += perRequest) {
        const part = bad.slice(from, from + perRequest)
        const between = part.map(() => goodEvent())
        good.push(...between)
        const { response, code, details } = await send(part.flatMap(([parts], i) => [goodEvent(parts), between[i]!]))
        assert.equal(code, Status.OK, details)
        assert.deepEqual([response!.acceptedCount, response!.rejectedCount], [part.length, part.length])
        for (const [i, [parts, expected, names]] of part.entries()) {
          const result = response!.results[2 * i]!
          const seen = [result.index, result.status, result.code]
          assert.deepEqual(
            seen,
            [2 * i, EventStatus.EVENT_STATUS_REJECTED, expected],
            JSON.stringify(parts).slice(0, 300),
          )
          assert.ok(result.errorMessage.includes(names), `${names}: ${result.errorMessage}`)
        }
      }
      for (let from = 0; from < good.length; from += perRequest) {
        const again = good.slice(from, from + perRequest)
        assert.equal((await send(again)).response!.duplicateCount, again.length)
      }
      const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text()
      assert.match(metrics, new RegExp(`^trapperkeeper_events_stored ${good.length}$`, 'm'))
    } finally {
      client.close()
      await server.stop()
    }
  })
})
