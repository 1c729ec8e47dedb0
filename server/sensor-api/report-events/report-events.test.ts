import assert from 'node:assert/strict'
import { status as Status } from '@grpc/grpc-js'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import {
  DropReason,
  type Event,
  EventCode,
  EventStatus,
  MatchKind,
} from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, startSensorApi, uuid7 } from '../start-sensor-api.fake.ts'
import { databaseBusy, diskFull, fakeRule } from '../tk-store.fake.ts'

const nowMs = 1_795_000_000_000

async function start(env = {}) {
  const server = await startSensorApi({ clock: new FakeClock(nowMs), env })
  server.store.set({ rules: [fakeRule(1)] })
  return server
}

const { EVENT_STATUS_ACCEPTED: accepted, EVENT_STATUS_REJECTED: rejected, EVENT_STATUS_ERROR: error } = EventStatus

describe('ReportEvents', () => {
  it('stores an event as it was sent, with what the server knows', async () => {
    await using server = await start()
    const event = goodEvent({ metadata: { batch: '42', '$tk.client_ip': 'forged' } })
    const { response, code } = await server.report({
      events: [event],
      sensorId: '0199AAAA-0000-7000-8000-000000000001',
      tags: ['b', 'a', 'b'],
      metadata: { team: 'x', '$tk.x': 'y' },
      systemMetadata: { hostname: 'job-1', secret: 'left out', os_type: 'linux' },
      sdk: { name: 'ts', version: '0.1.0', apiType: 'typescript' },
    })
    assert.equal(code, Status.OK)
    assert.deepEqual(response?.results, [
      { eventId: event.eventId, status: accepted, errorMessage: '', code: 0, index: 0 },
    ])
    assert.deepEqual([response?.acceptedCount, response?.rejectedCount, response?.duplicateCount], [1, 0, 0])
    const { batch, event: stored } = server.store.stored.get(event.eventId)!
    assert.deepEqual(stored, {
      eventId: event.eventId,
      ruleId: event.ruleId,
      ruleVersion: 1,
      action: 'observe',
      matchKind: 'VALUE',
      groupIndex: 0,
      conditionIndex: 0,
      matchedPath: ['layers', 2, 'bytes'],
      matchedValueJson: '512',
      matchedValueTruncated: false,
      recordJson: '{"layers":[{"bytes":512}]}',
      clientAtMs: 1_795_000_000_005,
      receivedAtMs: nowMs,
      metadata: { batch: '42' },
    })
    const { events: _, ...shared } = batch
    assert.deepEqual(shared, {
      sensorId: '0199aaaa-0000-7000-8000-000000000001',
      apiKeyId: server.keyId,
      tags: ['a', 'b'],
      metadata: {
        team: 'x',
        '$tk.hostname': 'job-1',
        '$tk.os_type': 'linux',
        '$tk.api_type': 'typescript',
        '$tk.api_version': '0.1.0',
        '$tk.client_ip': '127.0.0.1',
        '$tk.server_received_at': new Date(nowMs).toISOString(),
        '$tk.server_version': '1.2.3',
      },
    })
  })

  it('works for a client that knows only the first fields', async () => {
    await using server = await start()
    const eventId = uuid7()
    const { ruleId, recordJson, ...none } = goodEvent()
    assert.ok(ruleId && recordJson)
    const old = { payload: { price: 1.5, deep: { list: [1, null, 'x', true] } }, metadata: { a: 'b' } }
    const event = { ...none, ...old, eventId, ruleId: '', recordJson: Buffer.alloc(0), matchedPath: undefined }
    const { response } = await server.report({
      events: [{ ...event, matchKind: 0, action: 0, ruleVersion: 0, matchedValueJson: '' }],
    })
    assert.deepEqual(
      response?.results.map(({ status, code }) => [status, code]),
      [[accepted, EventCode.EVENT_CODE_UNKNOWN_RULE]],
    )
    const { event: stored } = server.store.stored.get(eventId)!
    assert.deepEqual(JSON.parse(stored.recordJson!), old.payload)
    assert.deepEqual([stored.action, stored.matchKind, stored.matchedPath], ['observe', 'VALUE', []])
  })

  it('accepts a repeated event without storing it twice', async () => {
    await using server = await start()
    const events = [goodEvent(), goodEvent()]
    await server.report({ events })
    const { response } = await server.report({ events: [...events, goodEvent()] })
    assert.deepEqual(
      response?.results.map(({ status, code, index }) => [status, code, index]),
      [
        [accepted, EventCode.EVENT_CODE_DUPLICATE, 0],
        [accepted, EventCode.EVENT_CODE_DUPLICATE, 1],
        [accepted, 0, 2],
      ],
    )
    assert.deepEqual([response?.acceptedCount, response?.duplicateCount, server.store.stored.size], [3, 2, 3])
  })

  it('knows an event in upper case again, and answers with the id as it came', async () => {
    await using server = await start()
    const event = goodEvent()
    const upper = { ...event, eventId: event.eventId.toUpperCase() }
    const { response } = await server.report({ events: [event, upper] })
    assert.deepEqual(
      response?.results.map(({ eventId, status }) => [eventId, status]),
      [
        [event.eventId, accepted],
        [upper.eventId, accepted],
      ],
    )
    assert.deepEqual([response?.duplicateCount, [...server.store.stored.keys()]], [1, [event.eventId]])
  })

  it('leaves plainly accepted events out of a compact answer', async () => {
    await using server = await start()
    const known = goodEvent()
    await server.report({ events: [known] })
    const events = [goodEvent(), known, goodEvent({ eventId: 'x' }), goodEvent()]
    const { response } = await server.report({ events, compactResults: true })
    assert.deepEqual(
      response?.results.map(({ index }) => index),
      [1, 2],
    )
    assert.deepEqual([response?.acceptedCount, response?.rejectedCount], [3, 1])
  })

  const segment = { fieldName: 'a' }
  const bad: readonly [string, Partial<Event>, EventCode, RegExp][] = [
    ['an id that is no UUID', { eventId: '1234' }, EventCode.EVENT_CODE_INVALID_ID, /event_id must be a UUID/],
    ['no id', { eventId: '' }, EventCode.EVENT_CODE_INVALID_ID, /event_id/],
    [
      'an event above the limit',
      { recordJson: Buffer.alloc(1_048_577, 32) },
      EventCode.EVENT_CODE_TOO_LARGE,
      /1048576 bytes, got/,
    ],
    ['a record that is not JSON', { recordJson: Buffer.from('{a:1}') }, EventCode.EVENT_CODE_INVALID_RECORD, /JSON/],
    [
      'a record that is not UTF-8',
      { recordJson: Buffer.from([34, 0xff, 34]) },
      EventCode.EVENT_CODE_INVALID_RECORD,
      /UTF-8/,
    ],
    [
      '51 pairs of metadata',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) },
      EventCode.EVENT_CODE_INVALID_METADATA,
      /at most 50 pairs, got 51/,
    ],
    ['a reserved key', { metadata: { $mine: '' } }, EventCode.EVENT_CODE_INVALID_METADATA, /cannot start with '\$'/],
    ['a long value', { metadata: { a: 'x'.repeat(1025) } }, EventCode.EVENT_CODE_INVALID_METADATA, /at most 1024/],
    ['a control character', { metadata: { a: '\u0007' } }, EventCode.EVENT_CODE_INVALID_METADATA, /control/],
    ['a rule id that is no UUID', { ruleId: 'r' }, EventCode.EVENT_CODE_INVALID_FIELD, /rule_id/],
    ['a negative version', { ruleVersion: -1 }, EventCode.EVENT_CODE_INVALID_FIELD, /rule_version/],
    ['an action nobody knows', { action: 77 as never }, EventCode.EVENT_CODE_INVALID_FIELD, /action/],
    ['a match kind nobody knows', { matchKind: 77 as never }, EventCode.EVENT_CODE_INVALID_FIELD, /match_kind/],
    [
      '65 segments',
      { matchedPath: { segments: Array.from({ length: 65 }, () => segment) } },
      EventCode.EVENT_CODE_INVALID_FIELD,
      /matched_path/,
    ],
    ['an empty segment', { matchedPath: { segments: [{}] } }, EventCode.EVENT_CODE_INVALID_FIELD, /matched_path/],
    [
      'a value that is not JSON',
      { matchedValueJson: 'nope' },
      EventCode.EVENT_CODE_INVALID_FIELD,
      /matched_value_json/,
    ],
    [
      'a time after year 9999',
      { clientTimestamp: { seconds: 253_402_300_800, nanos: 0 } },
      EventCode.EVENT_CODE_INVALID_FIELD,
      /client_timestamp/,
    ],
  ]
  for (const [name, parts, code, message] of bad) {
    it(`rejects ${name}, and stores the good ones around it`, async () => {
      await using server = await start()
      const events = [goodEvent(), goodEvent(parts), goodEvent()]
      const { response } = await server.report({ events })
      assert.deepEqual(
        response?.results.map(({ status, code: seen, index }) => [status, seen, index]),
        [
          [accepted, 0, 0],
          [rejected, code, 1],
          [accepted, 0, 2],
        ],
      )
      assert.match(response!.results[1]!.errorMessage, message)
      assert.deepEqual([response?.acceptedCount, response?.rejectedCount, server.store.stored.size], [2, 1, 2])
    })
  }

  it('takes what is odd but allowed', async () => {
    await using server = await start()
    const events = [
      goodEvent({ metadata: { a: 'line\n\ttab', ['k'.repeat(128)]: '😀'.repeat(1024) } }),
      goodEvent({ matchedValueJson: '"cut sho', matchedValueTruncated: true }),
      goodEvent({ recordJson: Buffer.alloc(0), recordOmitted: true }),
      goodEvent({ recordJson: Buffer.from('null'), matchKind: MatchKind.MATCH_KIND_MISSING_FAILED }),
      goodEvent({ eventId: '00000000-0000-4000-8000-000000000000' }),
      goodEvent({ matchedPath: { segments: [{ fieldName: '*' }, { wildcard: {} }] } }),
    ]
    const { response } = await server.report({ events })
    assert.equal(response?.acceptedCount, events.length)
    assert.deepEqual(server.store.stored.get(events[5]!.eventId)?.event.matchedPath, [{ key: '*' }, '*'])
    assert.match(await server.metrics(), /^trapperkeeper_events_other_uuid_total 1$/m)
  })

  it('refuses more events than a request may have, and what they share when it is bad', async () => {
    await using server = await start({ TK_MAX_EVENTS_PER_REQUEST: '2' })
    const many = await server.report({ events: [goodEvent(), goodEvent(), goodEvent()] })
    assert.equal(many.code, Status.RESOURCE_EXHAUSTED)
    assert.match(many.details, /at most 2 events, got 3/)
    assert.deepEqual(many.trailers.get('retry-after-ms'), [])
    for (const [request, expected] of [
      [{ sensorId: 'me' }, /sensor_id/],
      [{ tags: [''] }, /tags\[0\]/],
      [{ metadata: { '': '' } }, /metadata/],
    ] as const) {
      const { code, details } = await server.report({ ...request, events: [goodEvent()] } as never)
      assert.equal(code, Status.INVALID_ARGUMENT)
      assert.match(details, expected)
    }
    assert.equal(server.store.stored.size, 0)
  })

  it('tells a full disk and a busy database apart, each with when to come again', async () => {
    await using server = await start()
    for (const [fault, code, ms] of [
      [diskFull(), Status.RESOURCE_EXHAUSTED, '60000'],
      [databaseBusy(), Status.UNAVAILABLE, '1000'],
    ] as const) {
      server.store.fault = fault
      const ended = await server.report({ events: [goodEvent()] })
      assert.deepEqual([ended.code, ended.details], [code, fault.message])
      assert.deepEqual(ended.trailers.get('retry-after-ms'), [ms])
      const details = ended.trailers.get('grpc-status-details-bin')[0] as Buffer
      assert.ok(details.includes('type.googleapis.com/google.rpc.RetryInfo'))
    }
  })

  it('answers events that the store trips over with an error that may be tried again', async () => {
    await using server = await start()
    server.store.fault = new PulltraceError(Code.Internal, 'SQL with secrets')
    const { response } = await server.report({ events: [goodEvent(), goodEvent({ eventId: '' })] })
    assert.deepEqual(
      response?.results.map(({ status, code }) => [status, code]),
      [
        [error, EventCode.EVENT_CODE_STORAGE],
        [rejected, EventCode.EVENT_CODE_INVALID_ID],
      ],
    )
    assert.equal(response?.rejectedCount, 2)
  })

  it('answers an empty request', async () => {
    await using server = await start()
    const { response, code } = await server.report()
    assert.deepEqual([code, response?.results], [Status.OK, []])
  })

  it('answers only once the store has it', async () => {
    await using server = await start()
    const { promise, resolve } = Promise.withResolvers<void>()
    server.store.held = promise
    let answered = false
    const call = server.report({ events: [goodEvent()] }).then(() => {
      answered = true
    })
    await server.report()
    assert.equal(answered, false)
    resolve()
    await call
  })

  it('counts each report of lost events once, and clocks that are off', async () => {
    await using server = await start()
    const moment = { seconds: 1_795_000_000, nanos: 0 }
    const report = { reason: DropReason.DROP_REASON_SEND_FAILED, ruleId: '', count: 5, since: moment, until: moment }
    for (const reportId of ['a', 'a', 'b']) {
      await server.report({ dropReports: [{ ...report, reportId }], clientTimestamp: { seconds: 1, nanos: 0 } })
    }
    const metrics = await server.metrics()
    assert.match(metrics, /^trapperkeeper_events_lost_reported_total\{reason="send_failed"\} 10$/m)
    assert.match(metrics, /^trapperkeeper_clock_drift_warnings_total 3$/m)
  })
})
