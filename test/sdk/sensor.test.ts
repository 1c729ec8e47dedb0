import assert from 'node:assert/strict'
import { status } from '@grpc/grpc-js'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import {
  ConfigError,
  EventBufferFull,
  type FlushResult,
  RuleFailed,
  Sensor,
  SensorClosed,
} from '../../sdk/typescript/src/index.ts'
import { eventually } from '../eventually.ts'
import { inTime, keptLog, limitsOf, openSensor, wireRule } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

const hot = { temperature: 120 }
const thrown = <E>(run: () => unknown): E => {
  try {
    run()
  } catch (error) {
    return error as E
  }
  throw new Error('nothing was thrown')
}

describe('Sensor', () => {
  let server: ScriptedServer
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.etag = 'v1-one'
    server.rules = [wireRule('observe')]
  })
  afterEach(() => server[Symbol.asyncDispose]())

  describe('check', () => {
    it('says what matched, and goes on past observe to the first drop', async () => {
      const [one, two, three] = [wireRule('observe'), wireRule('drop'), wireRule('fail')]
      server.rules = [one, two, three]
      await using sensor = await openSensor(server)
      const outcome = sensor.check({ temperature: 120 })
      const [first, second] = outcome.matches
      assert.deepEqual(outcome, {
        action: 'drop',
        keep: false,
        ruleSetEtag: 'v1-one',
        matches: [
          {
            ruleId: one.ruleId,
            version: 3,
            name: one.name,
            action: 'observe',
            matchedPath: ['temperature'],
            value: 120,
            kind: 'VALUE',
            eventId: first!.eventId,
          },
          { ...second!, ruleId: two.ruleId, action: 'drop' },
        ],
      })
      assert.ok(first!.eventId! < second!.eventId!)
      assert.equal(sensor.stats().events.recorded, 2)
    })

    it('makes no event of a match that the caller wants none of, also when there is no room, and tells it all the same', async () => {
      const [one, two] = [wireRule('observe'), wireRule('fail')]
      server.rules = [one, two]
      await using sensor = await openSensor(server, { raiseOnFail: false, bufferEvents: 1 })
      const asked: string[] = []
      const skipEvent = ({ ruleId, version }: { ruleId: string; version: number }) => {
        asked.push(`${ruleId}/${version}`)
        return ruleId === two.ruleId
      }
      sensor.check({ temperature: 20 }, {}, { skipEvent })
      assert.deepEqual(asked, [])
      const { matches } = sensor.check(hot, {}, { skipEvent })
      assert.deepEqual(asked, [`${one.ruleId}/3`, `${two.ruleId}/3`])
      assert.deepEqual(
        matches.map(({ action, eventId }) => [action, eventId !== undefined]),
        [
          ['observe', true],
          ['fail', false],
        ],
      )
      sensor.check(hot, {}, { skipEvent: () => true })
      const { recorded, dropped } = sensor.stats().events
      assert.deepEqual([recorded, dropped.bufferOverflow], [1, 0])
    })

    it('answers records without a match with one and the same frozen outcome', async () => {
      await using sensor = await openSensor(server)
      const outcome = sensor.check({ temperature: 20 })
      assert.deepEqual(outcome, { action: 'pass', keep: true, matches: [], ruleSetEtag: 'v1-one' })
      assert.equal(sensor.check(null), outcome)
      assert.ok(Object.isFrozen(outcome))
    })

    it('throws RuleFailed, with the outcome, once the event is recorded', async () => {
      server.rules = [wireRule('fail')]
      await using sensor = await openSensor(server)
      const error = thrown<RuleFailed>(() => sensor.check(hot))
      assert.ok(error instanceof RuleFailed)
      assert.match(error.message, /^rule 'rule \d+' failed the record at temperature$/)
      assert.deepEqual([error.outcome.action, error.outcome.keep], ['fail', false])
      assert.equal((await sensor.flush()).accepted, 1)
    })

    it('only says so with raiseOnFail off', async () => {
      server.rules = [wireRule('fail')]
      await using sensor = await openSensor(server, { raiseOnFail: false })
      assert.equal(sensor.check(hot).action, 'fail')
    })

    it('writes the record down at once: later changes are not seen', async () => {
      await using sensor = await openSensor(server)
      const record = { temperature: 120, tags: ['a'] }
      sensor.check(record)
      record.tags.push('b')
      await sensor.flush()
      const [event] = server.stored.values()
      assert.equal(event!.recordJson.toString(), '{"temperature":120,"tags":["a"]}')
    })

    it('makes an event without record of what is not JSON', async () => {
      await using sensor = await openSensor(server)
      const cycle: Record<string, unknown> = { ...hot }
      cycle['self'] = cycle
      sensor.check(cycle)
      assert.equal((await sensor.flush()).accepted, 1)
      const [event] = server.stored.values()
      assert.deepEqual([event!.recordJson.length, event!.recordOmitted, event!.matchedValueJson], [0, false, '120'])
      assert.equal(sensor.stats().events.withoutRecord, 1)
    })

    it('leaves out a record that makes an event larger than the limit, and cuts the value', async () => {
      const text = 'é"'.repeat(700_000)
      server.rules = [wireRule('observe', { field: ['text'], op: 'prefix', field_type: 'text', value: 'é' })]
      await using sensor = await openSensor(server)
      sensor.check({ text })
      sensor.check({ text: 'é', rest: 'x'.repeat(1_100_000) })
      await sensor.flush()
      const [first, second] = server.stored.values()
      assert.deepEqual([first!.recordJson.length, first!.recordOmitted, first!.matchedValueTruncated], [0, true, true])
      assert.ok(Buffer.byteLength(first!.matchedValueJson) <= 4_096)
      assert.ok(Buffer.byteLength(first!.matchedValueJson) > 4_000)
      assert.ok(text.startsWith(JSON.parse(first!.matchedValueJson)))
      assert.deepEqual([second!.recordOmitted, second!.matchedValueTruncated], [true, false])
      assert.equal(second!.matchedValueJson, '"é"')
    })

    it('keeps events under a smaller limit of the server, and drops what cannot be', async () => {
      server.limits = limitsOf({ maxEventBytes: 1_000 })
      await using sensor = await openSensor(server)
      sensor.check({ ...hot, text: 'x'.repeat(2_000) })
      const lost = sensor.check(hot, { note: 'x'.repeat(1_000) })
      assert.equal(lost.matches[0]!.eventId, undefined)
      await sensor.flush()
      assert.deepEqual([server.stored.size, [...server.stored.values()][0]!.recordOmitted], [1, true])
      assert.equal(sensor.stats().events.dropped.eventTooLarge, 1)
    })

    it('leaves out metadata that must not be sent, with a warning', async () => {
      const logger = keptLog()
      await using sensor = await openSensor(server, { logger })
      for (let n = 0; n < 3; n++) sensor.check(hot, { $tk: 'no', batch: '42', ['k'.repeat(129)]: 'no' })
      await sensor.flush()
      assert.deepEqual([...server.stored.values()][0]!.metadata, { batch: '42' })
      const told = logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['error'])
      assert.equal(told[0], "Metadata keys cannot start with '$' (reserved for system use)")
      assert.equal(told.length, 2)
    })

    it('survives records whose getters throw, counts them and logs once', async () => {
      const logger = keptLog()
      await using sensor = await openSensor(server, { logger })
      const record = {
        get temperature() {
          throw new Error('no')
        },
      }
      for (let n = 0; n < 3; n++) assert.equal(sensor.check(record).action, 'pass')
      assert.equal(sensor.stats().evaluatorErrors, 3)
      assert.equal(logger.lines.filter(({ level }) => level === 'error').length, 1)
    })

    it('samples with the generator it is given', async () => {
      server.rules = [{ ...wireRule('observe'), sampleRate: 0.5 }]
      const numbers = [0.4, 0.5, 0.49, 0.9]
      await using sensor = await openSensor(server, { random: () => numbers.shift()! })
      const seen = [0, 1, 2, 3].map(() => sensor.check(hot).matches.length)
      assert.deepEqual(seen, [1, 0, 1, 0])
    })

    it('tells once a minute of values that do not convert', async () => {
      const clock = new SteppedClock(0)
      const logger = keptLog()
      await using sensor = await openSensor(server, { clock, logger })
      const told = () => logger.lines.filter(({ message }) => message.includes('do not convert'))
      const syncs = async () => {
        const before = sensor.stats().syncs.unchanged
        await eventually('a sync', async () => {
          // Not while a sync is under way: how long that takes is the machine's affair.
          if (clock.sleeping > 0) await clock.advance(1_000)
          return sensor.stats().syncs.unchanged > before
        })
        await clock.whenSleeping()
      }
      for (let n = 0; n < 5; n++) sensor.check({ temperature: 'warm' })
      await syncs()
      sensor.check({ temperature: 'warm' })
      await syncs()
      assert.deepEqual(
        told().map(({ fields }) => fields['values']),
        [5],
      )
      await clock.advance(60_000)
      await syncs()
      assert.deepEqual(
        told().map(({ fields }) => fields['values']),
        [5, 6],
      )
    })
  })

  describe('a full buffer', () => {
    it('throws "Event buffer full, flush required", loses the event, and takes more after a flush', async () => {
      await using sensor = await openSensor(server, { bufferEvents: 2 })
      sensor.check(hot)
      sensor.check(hot)
      const error = thrown<EventBufferFull>(() => sensor.check(hot))
      assert.ok(error instanceof EventBufferFull)
      assert.equal(error.message, 'Event buffer full, flush required')
      assert.deepEqual([error.outcome.action, error.outcome.matches[0]!.eventId], ['observe', undefined])
      assert.deepEqual(sensor.check({ temperature: 1 }).matches, [])
      assert.equal((await sensor.flush()).accepted, 2)
      assert.equal(sensor.check(hot).matches.length, 1)
      assert.equal(sensor.stats().events.dropped.bufferOverflow, 1)
    })

    it('is one by bytes, too', async () => {
      await using sensor = await openSensor(server, { bufferBytes: 10_000 })
      const record = { ...hot, text: 'x'.repeat(4_000) }
      sensor.check(record)
      sensor.check(record)
      assert.throws(() => sensor.check(record), EventBufferFull)
      const { buffered, bufferedBytes } = sensor.stats().events
      assert.deepEqual([buffered, bufferedBytes <= 10_000], [2, true])
    })

    it('does not hide that a rule failed the record', async () => {
      server.rules = [wireRule('observe'), wireRule('fail')]
      await using sensor = await openSensor(server, { bufferEvents: 1 })
      const error = thrown<RuleFailed>(() => sensor.check(hot))
      assert.ok(error instanceof RuleFailed && error.cause instanceof EventBufferFull)
      assert.deepEqual(
        error.outcome.matches.map(({ eventId }) => eventId !== undefined),
        [true, false],
      )
    })

    it('drops the oldest when unsent events come back and there is no room', async () => {
      const logger = keptLog()
      const clock = new SteppedClock(0)
      await using sensor = await openSensor(server, { bufferEvents: 3, logger, clock, syncMode: 'manual' })
      await sensor.sync()
      for (const temperature of [101, 102, 103]) sensor.check({ temperature })
      server.plays.report.push({ fail: status.INTERNAL })
      server.onReport = () => {
        server.onReport = () => {}
        for (const temperature of [104, 105]) sensor.check({ temperature })
      }
      const result = await sensor.flush()
      assert.deepEqual([result.requeued, result.dropped, sensor.stats().events.buffered], [1, 2, 3])
      await sensor.flush()
      const stored = [...server.stored.values()].map(({ matchedValueJson }) => matchedValueJson)
      assert.deepEqual(stored, ['103', '104', '105'])
    })
  })

  describe('checkBatch', () => {
    it('checks in order and sends at the end', async () => {
      await using sensor = await openSensor(server)
      const { outcomes, flush } = await sensor.checkBatch([{}, hot, { temperature: 5 }, hot], {
        metadata: { batch: '7' },
      })
      assert.deepEqual(
        outcomes.map(({ action }) => action),
        ['pass', 'observe', 'pass', 'observe'],
      )
      assert.deepEqual([flush!.accepted, server.reports.length], [2, 1])
      assert.deepEqual([...server.stored.values()][0]!.metadata, { batch: '7' })
    })

    it('sends nothing with flush: false', async () => {
      await using sensor = await openSensor(server)
      const { flush } = await sensor.checkBatch([hot], { flush: false })
      assert.deepEqual([flush, server.reports.length, sensor.stats().events.buffered], [undefined, 0, 1])
    })

    it('stops at a record that a rule fails, sends what there is, and says how far it came', async () => {
      server.rules = [wireRule('fail')]
      await using sensor = await openSensor(server)
      await assert.rejects(sensor.checkBatch([{}, hot, {}]), (error: RuleFailed) => {
        assert.deepEqual(
          error.outcomes.map(({ action }) => action),
          ['pass', 'fail'],
        )
        return error instanceof RuleFailed
      })
      assert.equal(server.stored.size, 1)
    })

    it('stops at a record whose event finds no room, and has made some', async () => {
      await using sensor = await openSensor(server, { bufferEvents: 2 })
      await assert.rejects(sensor.checkBatch([hot, {}, hot, hot, hot]), (error: EventBufferFull) => {
        assert.equal(error.outcomes.length, 4)
        return error instanceof EventBufferFull
      })
      assert.deepEqual([server.stored.size, sensor.stats().events.buffered], [2, 0])
    })
  })

  it('tells of nothing but its state', async () => {
    await using sensor = await openSensor(server)
    assert.throws(() => sensor.on('error' as 'state', () => {}), /'state' only, not of 'error'/)
  })

  describe('close', () => {
    it('sends what is there, is idempotent, and refuses everything afterwards', async () => {
      const sensor = await openSensor(server)
      sensor.check(hot)
      const [first, second] = await Promise.all([sensor.close(), sensor.close()])
      assert.deepEqual([first.accepted, second], [1, first])
      assert.equal(server.stored.size, 1)
      assert.throws(() => sensor.check(hot), SensorClosed)
      assert.throws(() => sensor.addMetadata({ a: 'b' }), SensorClosed)
      for (const call of [() => sensor.flush(), () => sensor.sync(), () => sensor.checkBatch([])]) {
        await assert.rejects(call(), SensorClosed)
      }
      assert.equal((await sensor.close()).accepted, 1)
    })

    it('is what `await using` does, also when the block throws', async () => {
      const run = async () => {
        await using sensor = await openSensor(server)
        sensor.check(hot)
        throw new Error('the job failed')
      }
      await assert.rejects(run(), /the job failed/)
      assert.equal(server.stored.size, 1)
    })

    it('sends what came during a flush that was running', async () => {
      const sensor = await openSensor(server)
      sensor.check(hot)
      let closing: Promise<FlushResult> | undefined
      server.onReport = () => {
        server.onReport = () => {}
        sensor.check(hot)
        closing = sensor.close()
      }
      const flushing = sensor.flush()
      await eventually('closing', () => closing)
      assert.deepEqual([(await closing)!.accepted, server.reports.length], [1, 2])
      assert.deepEqual([(await flushing).accepted, server.stored.size], [1, 2])
    })

    it('gives up after 30 seconds, and says what was dropped', async () => {
      const clock = new SteppedClock(0)
      const logger = keptLog()
      const sensor = await openSensor(server, { clock, logger })
      for (let n = 0; n < 3; n++) sensor.check(hot)
      server.plays.report.push('silence')
      const closing = sensor.close()
      await eventually('the report', () => server.reports.length === 1)
      await clock.advance(29_999)
      assert.equal(await Promise.race([closing, 'still trying']), 'still trying')
      await clock.advance(1)
      const result = await closing
      assert.deepEqual([result.accepted, result.requeued, result.dropped], [0, 0, 3])
      assert.equal(sensor.stats().events.dropped.closedUnsent, 3)
      assert.ok(logger.lines.some(({ message }) => message.includes('closed before they could be sent')))
    })

    it('drops what cannot be sent', async () => {
      const clock = new SteppedClock(0)
      const sensor = await openSensor(server, { clock })
      sensor.check(hot)
      await server.down()
      const result = await inTime(clock, sensor.close())
      assert.deepEqual([result.sent, result.requeued, result.dropped], [0, 0, 1])
      assert.match(result.error!, /UNAVAILABLE/)
      await server.up()
    })

    it('does not wait for the clock when everything is sent', async () => {
      const clock = new SteppedClock(0)
      const sensor = await openSensor(server, { clock })
      await sensor.close()
      assert.equal(clock.sleeping, 0)
    })
  })

  it('does nothing and needs nothing when it is disabled', async () => {
    await using sensor = await Sensor.open({ env: { TK_DISABLED: 'true', TK_FAILURE_MODE: 'fail-closed' } })
    assert.deepEqual(sensor.check(hot), { action: 'pass', keep: true, matches: [], ruleSetEtag: undefined })
    assert.equal((await sensor.checkBatch([hot])).outcomes[0]!.action, 'pass')
    assert.equal((await sensor.sync()).ok, true)
    assert.deepEqual([(await sensor.flush()).sent, sensor.state, sensor.stats().checks], [0, 'NOT_READY', 0])
  })

  it('throws ConfigError where it is opened, with every fault', async () => {
    await assert.rejects(Sensor.open({ env: {}, cacheTtl: 'soon', tags: ['a b'] }), (error: ConfigError) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.faults.length, 3)
      return true
    })
  })

  it('refuses metadata that must not be sent, in addMetadata as a whole', async () => {
    await using sensor = await openSensor(server)
    assert.throws(() => sensor.addMetadata({ good: 'yes', $bad: 'no' }), ConfigError)
    sensor.check(hot)
    await sensor.flush()
    assert.deepEqual(server.reports[0]!.request.metadata, {})
  })
})
