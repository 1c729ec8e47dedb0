import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AgentReportAnswer } from '../core/contract/agent-report.ts'
import { validatorOf } from '../core/contract/schema.ts'
import { parseReportAnswer } from './answer.ts'

const bySchema = validatorOf('answer', AgentReportAnswer)
const outcome = (parse: (value: unknown) => unknown, value: unknown) => {
  try {
    return { read: parse(value) }
  } catch (error) {
    return { refused: (error as { code: string }).code }
  }
}
const sameAsSchema = (value: unknown) =>
  assert.deepEqual(
    outcome(parseReportAnswer, value),
    outcome(v => bySchema.parse(v), value),
  )

const two = fc.integer({ min: 0, max: 99 }).map(number => String(number).padStart(2, '0'))
/** Written as times are, with days, hours and zones of which most exist. */
const timeLike = fc
  .tuple(
    fc.constantFrom('2026', '2024', '1900', '2000', '0000', '9999'),
    fc.oneof(fc.constantFrom('01', '02', '04', '12', '00', '13'), two),
    fc.oneof(fc.constantFrom('01', '28', '29', '30', '31', '00', '32'), two),
    fc.constantFrom('T', 't', ' '),
    fc.constantFrom('00:00:00', '23:59:59', '23:59:60', '24:00:00', '12:60:00', '1:00:00'),
    fc.constantFrom('', '.1', '.123456789', '.1234567890', '.'),
    fc.constantFrom('Z', 'z', '', '+02:00', '-23:59', '+24:00', '+99:99', '+0200', '[UTC]'),
  )
  .map(([year, month, day, t, time, fraction, zone]) => `${year}-${month}-${day}${t}${time}${fraction}${zone}`)

const goodTime = fc
  .date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map(date => date.toISOString())
const awaited = fc.record(
  { id: fc.string(), imageRef: fc.string(), digest: fc.string(), startedAt: goodTime },
  { requiredKeys: ['id', 'imageRef', 'startedAt'] },
)
const good = fc.record(
  {
    accepted: fc.boolean(),
    reason: fc.string(),
    acknowledged: fc.boolean(),
    reportIntervalMs: fc.integer({ min: 1 }),
    idleReportIntervalMs: fc.integer({ min: 1 }),
    awaiting: fc.array(awaited, { maxLength: 3 }),
    ours: fc.jsonValue(),
  },
  { requiredKeys: ['accepted', 'acknowledged', 'reportIntervalMs', 'idleReportIntervalMs', 'awaiting'] },
)

describe('parseReportAnswer', () => {
  it('reads whatever the schema allows, unchanged', () => {
    fc.assert(
      fc.property(good, answer => {
        assert.deepEqual(parseReportAnswer(answer), bySchema.parse(answer))
      }),
      { numRuns: 500 },
    )
  })

  it('refuses what the schema refuses, wherever the fault is', () => {
    const fault = fc.oneof(fc.jsonValue(), fc.constantFrom(0, -1, 1.5, 2 ** 53, '', null, [], {}, 'true'))
    const change = fc.record({ value: fault, remove: fc.boolean(), at: fc.nat(), deep: fc.boolean() })
    fc.assert(
      fc.property(good, change, (answer, { value, remove, at, deep }) => {
        const broken = structuredClone(answer) as unknown as Record<string, unknown>
        const first = answer.awaiting.length > 0 ? (broken['awaiting'] as Record<string, unknown>[])[0]! : broken
        const target = deep ? first : broken
        const name = Object.keys(target)[at % Object.keys(target).length]!
        if (remove) delete target[name]
        else target[name] = value
        sameAsSchema(broken)
      }),
      { numRuns: 2_000 },
    )
  })

  it('knows the same times as the schema', () => {
    const answer = (startedAt: string) => ({
      accepted: true,
      acknowledged: true,
      reportIntervalMs: 1,
      idleReportIntervalMs: 1,
      awaiting: [{ id: 'a', imageRef: 'b', startedAt }],
    })
    fc.assert(
      fc.property(fc.oneof(timeLike, fc.string()), time => sameAsSchema(answer(time))),
      { numRuns: 5_000, examples: [['9999-12-31T23:59:59-23:59'], ['0000-01-01T00:00:00+02:00']] },
    )
  })

  for (const value of [null, undefined, 1, 'text', [], true, {}]) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseReportAnswer(value), { code: 'invalid' })
    })
  }

  it('says where the fault is, what would be right, and what was there', () => {
    const answer = {
      accepted: true,
      acknowledged: true,
      reportIntervalMs: 1,
      idleReportIntervalMs: 1,
      awaiting: [{ id: 'a', imageRef: 7, startedAt: '2026-11-21T10:00:00Z' }],
    }
    assert.throws(() => parseReportAnswer(answer), {
      message: '`awaiting[0].imageRef` must be of type string, got 7',
      details: { path: 'awaiting[0].imageRef', bound: 'of type string', seen: '7' },
    })
  })
})
