import assert from 'node:assert/strict'
import type { AgentReport, AgentReportAnswer, AwaitedPull } from '../core/contract/agent-report.ts'
import { FakeClock } from '../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import { type Logger, silentLogger } from '../core/lib/log.ts'
import { runAgent } from './agent.ts'
import { aGoneLease, aLook, aPull, digestOf, startMs } from './build.fake.ts'
import type { Delivery } from './deliver.ts'
import { createAgentMetrics } from './metrics.ts'
import { Readiness } from './readiness.ts'
import type { PullSource, RuntimeSnapshot } from './source.ts'

const answer: AgentReportAnswer = {
  accepted: true,
  acknowledged: true,
  reportIntervalMs: 2000,
  idleReportIntervalMs: 30_000,
  awaiting: [],
}
const answered = (changes: Partial<AgentReportAnswer> = {}): Delivery => ({
  outcome: 'answered',
  answer: { ...answer, ...changes },
})
const record = { name: 'registry.example.com/team/app:v1', updatedMs: startMs + 1 }

interface Script {
  /** What each look sees; the agent is stopped after the last. */
  readonly looks: readonly (Partial<RuntimeSnapshot> | Error)[]
  readonly answers?: readonly Delivery[]
  readonly log?: Logger
  readonly evidenceOf?: PullSource['evidenceOf']
}

const complete = { records: [record], contentComplete: true, topSnapshotMs: undefined }

/** Runs the agent on a clock that never waits; returns each report with the time it was sent. */
async function play({ looks, answers = [], log = silentLogger, evidenceOf = async () => complete }: Script) {
  const clock = new FakeClock(startMs)
  const stop = new AbortController()
  const reports: { report: AgentReport; atMs: number }[] = []
  const lookedMs: number[] = []
  const readiness = new Readiness(clock)
  await runAgent(
    {
      nodeName: 'node-a',
      version: '1',
      reportIntervalMs: 2000,
      clock,
      log,
      metrics: createAgentMetrics('1'),
      readiness,
      random: () => 0,
      source: {
        async look() {
          const look = looks[lookedMs.length] ?? looks.at(-1)!
          lookedMs.push(clock.now() - startMs)
          if (lookedMs.length === looks.length) stop.abort()
          if (look instanceof Error) throw look
          return aLook({ ...look, atMs: clock.now() })
        },
        evidenceOf,
        runtime: () => ({ name: 'containerd', version: '2.4.2' }),
        onWake: () => () => {},
        close() {},
      },
      sink: {
        async deliver(report) {
          reports.push({ report: structuredClone(report), atMs: clock.now() - startMs })
          return answers[reports.length - 1] ?? answered()
        },
        close() {},
      },
    },
    stop.signal,
  )
  return { reports, lookedMs, readiness }
}

/**
 * On a clock that stands still in an interval: the answer comes while the agent waits, and only what wakes it lets it
 * go on. Returns when it looked, and how long each wait was to be.
 */
async function playSlowly({
  intervalMs,
  commandedMs,
  looks,
}: {
  intervalMs: number
  commandedMs: number
  looks: number
}) {
  const clock = new FakeClock(startMs)
  const stop = new AbortController()
  const sent = Promise.withResolvers<void>()
  const lookedMs: number[] = []
  const slept: number[] = []
  let restMs = 0
  await runAgent(
    {
      nodeName: 'node-a',
      version: '1',
      reportIntervalMs: intervalMs,
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        async sleep(ms, signal) {
          // The first part of a wait is the least that is between two looks.
          if (restMs === 0) {
            restMs = ms
            return clock.sleep(ms, signal)
          }
          slept.push(Math.round(restMs + ms))
          restMs = 0
          if (lookedMs.length > 1) return clock.sleep(ms, signal)
          sent.resolve()
          return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
        },
      },
      log: silentLogger,
      metrics: createAgentMetrics('1'),
      readiness: new Readiness(clock),
      random: () => 0,
      source: {
        async look() {
          lookedMs.push(clock.now() - startMs)
          if (lookedMs.length === looks) stop.abort()
          return aLook({ atMs: clock.now() })
        },
        evidenceOf: async () => complete,
        runtime: () => undefined,
        onWake: () => () => {},
        close() {},
      },
      sink: {
        async deliver() {
          await sent.promise
          return answered({ reportIntervalMs: commandedMs, idleReportIntervalMs: commandedMs })
        },
        close() {},
      },
    },
    stop.signal,
  )
  return { lookedMs, slept }
}

const sentMs = (reports: readonly { atMs: number }[]) => reports.map(({ atMs }) => atMs)
const phases = (reports: readonly { report: AgentReport }[]) =>
  reports.map(({ report }) => report.pulls.map(({ phase }) => phase))
const idle = {}
const pulling = { leases: [aPull()] }
const away = new PulltraceError(Code.Unavailable, 'away')
const gone = { gone: [aGoneLease({ evidence: { records: [record] } })] }

describe('runAgent', () => {
  it('looks each interval, and reports an idle node each idle interval', async () => {
    const { reports, lookedMs } = await play({ looks: Array.from({ length: 18 }, () => idle) })
    assert.deepEqual(lookedMs.slice(0, 4), [0, 2000, 4000, 6000])
    // The last one is the report on the way out.
    assert.deepEqual(sentMs(reports), [0, 30_000, 34_000])
    assert.deepEqual(
      reports.map(({ report }) => report.agent.seq),
      [1, 2, 3],
    )
  })

  it('reports the first sign of a pull at once, then each interval, then its end until it is acknowledged', async () => {
    const { reports } = await play({
      looks: [idle, pulling, pulling, gone, idle, idle, idle, idle],
      answers: [
        answered(),
        answered(),
        answered(),
        answered({ acknowledged: false }),
        answered({ acknowledged: false }),
      ],
    })
    assert.deepEqual(sentMs(reports).slice(0, 6), [0, 2000, 4000, 6000, 8000, 10_000])
    assert.deepEqual(phases(reports).slice(0, 7), [
      [],
      ['downloading'],
      ['downloading'],
      ['completed'],
      ['completed'],
      ['completed'],
      [],
    ])
  })

  it('asks a runtime that does not answer for one awaited pull only, so that the next report is not late', async () => {
    const awaiting = Array.from({ length: 20 }, (_, n) => ({
      id: String.fromCharCode(97 + n).repeat(26),
      imageRef: 'x@y',
      digest: digestOf('x'),
      startedAt: '2026-11-21T10:00:00Z',
    }))
    let asked = 0
    const evidenceOf = async () => {
      asked++
      throw away
    }
    await play({ looks: [idle, idle], answers: [answered({ awaiting })], evidenceOf })
    assert.equal(asked, 1)
  })

  it('obeys the interval in the answer', async () => {
    const { lookedMs } = await play({ looks: [idle, idle, idle, idle], answers: [answered({ reportIntervalMs: 500 })] })
    assert.deepEqual(
      lookedMs.slice(1, 3).map((ms, index) => ms - lookedMs[index]!),
      [500, 500],
    )
  })

  for (const { asked, taken } of [
    { asked: 1, taken: 100 },
    { asked: 1e12, taken: 300_000 },
  ]) {
    it(`looks each ${taken} ms when an answer commands ${asked}`, async () => {
      const answers = [answered({ reportIntervalMs: asked, idleReportIntervalMs: asked })]
      const { lookedMs } = await play({ looks: [idle, idle, idle], answers })
      assert.equal(lookedMs[1]! - lookedMs[0]!, taken)
    })
  }

  it('begins a new interval when the answer commands it, and does not wait the old one out', async () => {
    const { lookedMs, slept } = await playSlowly({ intervalMs: 300_000, commandedMs: 500, looks: 3 })
    // The last one is the look on the way out.
    assert.deepEqual(lookedMs, [0, 100, 600, 600])
    assert.deepEqual(slept, [300_000, 500, 500])
  })

  it('draws a new epoch when it is told that it is stale', async () => {
    const { reports } = await play({
      looks: [pulling, pulling, pulling],
      answers: [answered({ accepted: false, reason: 'stale' })],
    })
    const [first, second] = reports.map(({ report }) => report.agent)
    assert.notEqual(first?.epoch, second?.epoch)
    assert.equal(second?.seq, 1)
  })

  it('answers for a pull that it does not know, once', async () => {
    const awaited: AwaitedPull = {
      id: 'b'.repeat(26),
      imageRef: 'x@y',
      digest: digestOf('x'),
      startedAt: '2026-11-21T10:00:00Z',
    }
    const { reports } = await play({ looks: [idle, idle, idle, idle], answers: [answered({ awaiting: [awaited] })] })
    const ends = reports.flatMap(({ report }) => report.pulls)
    assert.deepEqual(
      ends.map(({ id, phase, imageRef }) => [id, phase, imageRef]),
      [[awaited.id, 'completed', record.name]],
    )
  })

  it('does not answer for a pull that goes on', async () => {
    const own = (await play({ looks: [pulling] })).reports[0]!.report.pulls[0]!
    const awaiting = [{ id: own.id, imageRef: own.imageRef, startedAt: own.startedAt }]
    const { reports } = await play({ looks: [pulling, pulling, pulling], answers: [answered({ awaiting })] })
    assert.deepEqual(
      phases(reports),
      [['downloading'], ['downloading'], ['downloading'], ['downloading']].slice(0, reports.length),
    )
  })

  it('waits as long as the server asks, and then sends what is true then', async () => {
    const refused: Delivery = { outcome: 'refused', status: 503, message: 'later', path: undefined, retryAfterMs: 5000 }
    const { reports, lookedMs } = await play({ looks: [pulling, pulling, pulling, pulling, gone], answers: [refused] })
    assert.deepEqual(lookedMs.slice(0, 4), [0, 2000, 4000, 6000])
    assert.equal(reports[1]?.atMs, 6000)
  })

  describe('when the server refuses a pull', () => {
    const lease = { leaseId: '2-bad', createdAt: '2026-11-21T10:00:00.000000002Z' }
    const both = { leases: [aPull(), aPull(lease)] }
    const refused = (path: string): Delivery => ({
      outcome: 'refused',
      status: 400,
      message: `\`${path}\` must be otherwise`,
      path,
      retryAfterMs: undefined,
    })
    const counts = (reports: readonly { report: AgentReport }[]) => reports.map(({ report }) => report.pulls.length)
    const told: unknown[] = []
    const log = { ...silentLogger, error: (message: string) => told.push(message) }
    beforeEach(() => {
      told.length = 0
    })

    it('goes on to tell of the others, and tries the end of that one again', async () => {
      const ends = { leases: [aPull()], gone: [aGoneLease({ ...lease, evidence: { records: [record] } })] }
      const { reports } = await play({
        looks: [both, both, both, both, ends, pulling],
        answers: [refused('pulls[1].layers[0].totalBytes')],
        log,
      })
      assert.deepEqual(counts(reports).slice(0, 5), [2, 1, 1, 1, 2])
      const [good, bad] = reports[0]!.report.pulls
      assert.ok(reports.slice(1, 4).every(({ report }) => report.pulls[0]!.id === good!.id))
      assert.deepEqual(
        reports[4]!.report.pulls.map(({ id, phase }) => [id, phase]),
        [
          [good!.id, 'downloading'],
          [bad!.id, 'completed'],
        ],
      )
      assert.deepEqual(told, ['pull left out, the server refuses reports with it'])
    })

    it('does not say that it knows nothing of it when it is asked', async () => {
      const awaiting = [{ id: '', imageRef: 'i', startedAt: '2026-11-21T10:00:00Z' }]
      const asking = { ...answered(), answer: { ...answer, awaiting } }
      const first = await play({ looks: [both, both], answers: [refused('pulls[1].id')], log })
      awaiting[0]!.id = first.reports[0]!.report.pulls[1]!.id
      const { reports } = await play({
        looks: [both, both, both, both],
        answers: [refused('pulls[1].id'), asking],
        log,
      })
      assert.deepEqual(counts(reports).slice(0, 4), [2, 1, 1, 1])
    })

    it('forgets an end that is refused', async () => {
      const { reports } = await play({
        looks: [gone, idle, idle, idle],
        answers: [refused('pulls[0].error.code')],
        log,
      })
      assert.deepEqual(counts(reports).slice(0, 2), [1, 0])
    })

    it('sends a report that is refused for something else, or for what it has not, as it is', async () => {
      const answers = [refused('nodeName'), refused('pulls[7].id'), refused('pulls')]
      const { reports } = await play({ looks: [both, both, both, both, both], answers, log })
      assert.deepEqual(counts(reports).slice(0, 4), [2, 2, 2, 2])
      assert.deepEqual(told, [])
    })
  })

  it('goes on when containerd does not answer, and says so once', async () => {
    const lines: string[] = []
    const log: Logger = { ...silentLogger, info: line => lines.push(line), warn: line => lines.push(line) }
    const { reports, readiness } = await play({ looks: [pulling, away, away, away, away, pulling, pulling], log })
    assert.deepEqual(lines, [
      'containerd answers',
      'server takes reports',
      'containerd does not answer',
      'containerd answers',
    ])
    assert.equal(
      reports.every(({ report }) => report.pulls[0]?.phase === 'downloading'),
      true,
    )
    assert.equal(readiness.reason(), undefined)
  })

  it('tells what it saw last while containerd does not answer', async () => {
    const held = answered({ acknowledged: false })
    const { reports } = await play({
      looks: [{ leases: [aPull()] }, { leases: [aPull({ leaseId: '2-abcd' })], ...gone }, away, away, away, away],
      answers: [answered(), held, held, answered()],
    })
    // The end is told until it is acknowledged, and the pull that goes on is never missing.
    assert.deepEqual(phases(reports).slice(0, 5), [
      ['downloading'],
      ['downloading', 'completed'],
      ['downloading', 'completed'],
      ['downloading', 'completed'],
      ['downloading'],
    ])
    assert.deepEqual(sentMs(reports).slice(0, 5), [0, 2000, 4000, 6000, 8000])
  })

  it('tells nothing before containerd has answered once, for that would end what it has not seen yet', async () => {
    const { reports, lookedMs } = await play({ looks: [away, away, away, pulling, pulling] })
    assert.equal(lookedMs[3], reports[0]?.atMs)
    assert.deepEqual(phases(reports)[0], ['downloading'])
    assert.deepEqual((await play({ looks: [away, away] })).reports, [])
  })

  it('sends a last report when it is stopped', async () => {
    const { reports } = await play({ looks: [pulling, pulling, gone] })
    assert.deepEqual(phases(reports).at(-1), ['completed'])
  })
})

describe('Readiness', () => {
  for (const [intervalMs, limitMs] of [
    [100, 15_000],
    [2000, 15_000],
    [10_000, 30_000],
  ] as const) {
    it(`needs a look within ${limitMs / 1000} s at an interval of ${intervalMs} ms`, () => {
      const clock = new FakeClock()
      const readiness = new Readiness(clock)
      assert.match(readiness.reason() ?? '', /has not answered yet/)
      readiness.looked(intervalMs)
      clock.advance(limitMs)
      assert.equal(readiness.reason(), undefined)
      clock.advance(1)
      assert.equal(readiness.reason(), `not ready: containerd last answered ${limitMs / 1000} s ago`)
    })
  }
})
