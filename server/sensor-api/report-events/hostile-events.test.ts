import assert from 'node:assert/strict'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { PulltraceError } from '../../../core/lib/errors.ts'
import { Event, EventCode } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent } from '../start-sensor-api.fake.ts'
import { checkEvent } from './check-event.ts'
import { splitRequest } from './split-request.ts'

const maxBytes = 1_048_576
const numRuns = process.env['SOAK'] ? 10_000 : 1000

/** A request with these events, of bytes as they are. */
function requestOf(events: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const event of events) writer.uint32(10).bytes(event)
  return writer.finish()
}

/** A good event with one byte changed, cut, or random bytes. */
const spoilt = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
    const bytes = Buffer.from(Event.encode(goodEvent()).finish())
    bytes[at % bytes.length] = byte
    return new Uint8Array(bytes)
  }),
  fc.nat().map(at => {
    const bytes = Event.encode(goodEvent()).finish()
    return bytes.subarray(0, at % bytes.length)
  }),
)

describe('hostile events', () => {
  it('are stored whole or rejected with a reason, never more, and the good ones between them are taken', () => {
    const good = Event.encode(goodEvent()).finish()
    fc.assert(
      fc.property(fc.array(spoilt, { maxLength: 5 }), events => {
        const split = splitRequest(requestOf(events.flatMap(event => [event, good])), 10)
        assert.equal(split.events.length, 2 * events.length)
        for (const [index, bytes] of split.events.entries()) {
          const checked = checkEvent(bytes, maxBytes, 0)
          if (index % 2 === 1) assert.ok('ok' in checked)
          else if ('rejected' in checked) assert.ok(checked.rejected.code > 0 && checked.rejected.message !== '')
          else assert.doesNotThrow(() => JSON.parse(checked.ok.recordJson ?? 'null'))
        }
      }),
      { numRuns },
    )
  })

  it('in a request that is no message are refused as such', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        try {
          splitRequest(bytes, 10)
        } catch (reason) {
          assert.equal(PulltraceError.from(reason).code, 'invalid')
        }
      }),
      { numRuns },
    )
  })

  it('in numbers are counted, not kept', () => {
    const count = 2_000_000
    const none = Buffer.alloc(2 * count)
    for (let i = 0; i < count; i++) none[2 * i] = 10
    const before = process.memoryUsage.rss()
    assert.throws(() => splitRequest(none, 10), { code: 'too_large', message: /at most 10 events, got 2000000/ })
    assert.ok(process.memoryUsage.rss() - before < 100e6)
  })

  it('with more besides them than anyone needs are refused before that is decoded', () => {
    const tags = Buffer.alloc(300_000)
    for (let at = 0; at < tags.length; at += 3) tags.set([0xb2, 6, 0], at)
    assert.throws(() => splitRequest(tags, 10), { code: 'invalid', message: /at most 262144 bytes besides its events/ })
  })

  it('nested without an end are rejected, not the death of the service', () => {
    // google.protobuf.Struct: { "a": { "a": ... } } 5,000 levels deep.
    let value = new Uint8Array(0)
    for (let depth = 0; depth < 5000; depth++) {
      const entry = new BinaryWriter().uint32(10).string('a').uint32(18).bytes(value).finish()
      const struct = new BinaryWriter().uint32(10).bytes(entry).finish()
      value = new BinaryWriter().uint32(42).bytes(struct).finish() as Uint8Array<ArrayBuffer>
    }
    const entry = new BinaryWriter().uint32(10).string('a').uint32(18).bytes(value).finish()
    const payload = new BinaryWriter().uint32(10).bytes(entry).finish()
    const { eventId } = goodEvent()
    const bytes = new BinaryWriter().uint32(10).string(eventId).uint32(18).bytes(payload).finish()
    const checked = checkEvent(bytes, maxBytes, 0)
    if ('rejected' in checked) assert.equal(checked.rejected.code, EventCode.EVENT_CODE_INVALID_FIELD)
    else assert.ok(checked.ok.recordJson!.length > 5000)
    const deep = Buffer.from('['.repeat(400_000) + ']'.repeat(400_000))
    const record = checkEvent(Event.encode(goodEvent({ recordJson: deep })).finish(), maxBytes, 0)
    assert.ok('ok' in record || record.rejected.code === EventCode.EVENT_CODE_INVALID_RECORD)
  })
})
