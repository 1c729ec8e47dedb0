import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { systemClock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { at, epochMs, layer, pullId, report, reported } from '../../../core/pulls/build.fake.ts'
import { giveUpAfterMs } from '../../../core/pulls/sweep.ts'
import { openSqliteHistory } from '../../store/sqlite/open-sqlite-history.ts'
import type { HistoryStore } from '../../store/store.ts'
import { Intake, type IntakeParts } from './intake.ts'

const limits = { maxNodes: 3, maxLivePulls: 10, maxLiveLayers: 40, forgetNodeAfterMs: 3_600_000 }
const intervals = () => ({ reportIntervalMs: 2000, idleReportIntervalMs: 30_000 })

/** A history whose disk can be pulled out; otherwise the real one. */
class FragileHistory implements Pick<HistoryStore, 'append' | 'endsOf' | 'get'> {
  broken: 'nothing' | 'writes' | 'everything' = 'nothing'
  readonly #real: HistoryStore

  constructor(real: HistoryStore) {
    this.#real = real
  }

  append(...args: Parameters<HistoryStore['append']>) {
    return this.broken === 'nothing' ? this.#real.append(...args) : unavailable()
  }

  endsOf(...args: Parameters<HistoryStore['endsOf']>) {
    return this.broken === 'everything' ? unavailable() : this.#real.endsOf(...args)
  }

  get(...args: Parameters<HistoryStore['get']>) {
    return this.broken === 'everything' ? unavailable() : this.#real.get(...args)
  }
}

const unavailable = () => Promise.reject(new PulltraceError(Code.Unavailable, 'the disk is full'))

describe('Intake', () => {
  let dataDir: string
  let real: HistoryStore
  let history: FragileHistory
  let clock: FakeClock
  let published: string[]
  let parts: IntakeParts
  let intake: Intake

  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'pulltrace-intake-'))
    real = openSqliteHistory({ dataDir, clock: systemClock, log: silentLogger })
    history = new FragileHistory(real)
    clock = new FakeClock(epochMs)
    published = []
    const publish: IntakeParts['publish'] = changes =>
      published.push(...changes.map(({ type, pull }) => `${type} ${pull.imageRef.split(/[/:]/)[1]} ${pull.phase}`))
    parts = { history, publish, intervals, limits, clock, log: silentLogger }
    intake = new Intake(parts)
  })

  afterEach(async () => {
    await real.close()
    await rm(dataDir, { recursive: true })
  })

  it('stores an end before it answers, and acknowledges it', async () => {
    await intake.accept(report(1, [reported('web')]))
    const answer = await intake.accept(report(2, [reported('web', { phase: 'completed' })]))
    assert.deepEqual([answer.accepted, answer.acknowledged], [true, true])
    assert.equal((await real.get(pullId('web')))?.phase, 'completed')
    assert.deepEqual(published, ['pull.started web downloading', 'pull.completed web completed'])
  })

  it('answers a report that brings nothing new without waiting', async () => {
    await intake.accept(report(1, [reported('web')]))
    const answer = intake.accept(report(2, [reported('web', { layers: [layer('web-1', 1), layer('web-2', 0)] })]))
    assert.ok(!(answer instanceof Promise))
    assert.equal(published.at(-1), 'pull.progress web downloading')
  })

  it('does not show or acknowledge an end while the history cannot be written, and does once it can', async () => {
    await intake.accept(report(1, [reported('web'), reported('api')]))
    const pulls = [
      reported('web', { phase: 'completed' }),
      reported('api', { layers: [layer('api-1', 9), layer('api-2', 0)] }),
    ]
    history.broken = 'writes'
    const held = await intake.accept(report(2, pulls))
    assert.deepEqual([held.accepted, held.acknowledged, held.awaiting], [true, false, []])
    assert.deepEqual(published.slice(2), ['pull.progress api downloading'])
    history.broken = 'nothing'
    const stored = await intake.accept(report(3, pulls))
    assert.equal(stored.acknowledged, true)
    assert.ok(published.includes('pull.completed web completed'))
  })

  it('goes on with the live view while the history cannot even be read', async () => {
    history.broken = 'everything'
    const answer = await intake.accept(report(1, [reported('web'), reported('api', { phase: 'failed' })]))
    assert.deepEqual([answer.accepted, answer.acknowledged], [true, false])
    assert.deepEqual(published, ['pull.started web downloading'])
  })

  it('acknowledges an end that was stored before a restart, and does not tell it twice', async () => {
    const done = report(1, [reported('web', { phase: 'completed' })])
    await intake.accept(done)
    const afterRestart = new Intake(parts)
    const answer = await afterRestart.accept(report(2, [reported('web', { phase: 'completed' })]))
    assert.equal(answer.acknowledged, true)
    assert.deepEqual(published, ['pull.started web completed', 'pull.completed web completed'])
  })

  it('corrects an end that was unknown, also after a restart', async () => {
    await intake.accept(report(1, [reported('web', { phase: 'unknown' })]))
    await new Intake(parts).accept(report(2, [reported('web', { phase: 'completed' })]))
    assert.equal((await real.get(pullId('web')))?.phase, 'completed')
    assert.equal(published.at(-1), 'pull.completed web completed')
  })

  it('leaves what runs when it closes in the history, untold, for the case that nobody comes back to it', async () => {
    await intake.accept(report(1, [reported('web'), reported('db')]))
    await intake.accept(report(2, [reported('web'), reported('db', { phase: 'completed' })]))
    clock.advance(5000)
    published.length = 0
    await intake.close()
    const [web, ...others] = (await real.search({ phases: ['unknown'] }, 10)).items
    assert.deepEqual([web!.id, others, published], [pullId('web'), [], []])
    assert.equal(web!.error, 'the server stopped before the pull ended')
    assert.equal(web!.completedAtMs! - Date.parse(at(4)), 5000, 'by the clock of the node')
  })

  it('goes on with it after a restart, as its agent goes on or ends it', async () => {
    await intake.accept(report(1, [reported('web'), reported('db')]))
    await intake.close()
    published.length = 0
    const next = new Intake(parts)
    await next.accept(report(2, [reported('web'), reported('db', { phase: 'completed' })]))
    await next.accept(report(3, [reported('web', { phase: 'completed' })]))
    assert.deepEqual(published, [
      'pull.progress web downloading',
      'pull.completed db completed',
      'pull.completed web completed',
    ])
    const { items } = await real.search({}, 10)
    assert.deepEqual(
      items.map(({ phase, error }) => [phase, error]),
      [
        ['completed', undefined],
        ['completed', undefined],
      ],
    )
  })

  it('closes within seconds, however many pulls a slow disk has yet to take, and says so', async () => {
    const stored: number[] = []
    const append: HistoryStore['append'] = async pulls => {
      clock.advance(4000)
      stored.push(pulls.length)
    }
    const slow = { append, endsOf: async () => new Map(), get: async () => undefined }
    const told: unknown[] = []
    const log = { ...silentLogger, warn: (message: string, fields?: object) => told.push([message, fields]) }
    const roomy = { ...limits, maxLivePulls: 5000, maxLiveLayers: 5000 }
    const many = new Intake({ ...parts, history: slow, limits: roomy, log })
    const pulls = Array.from({ length: 2000 }, (_, index) =>
      reported('web', {
        id: `${index}`.padStart(26, 'a').replace(/[0189]/g, digit => 'wxyz'['0189'.indexOf(digit)]!),
        layers: [],
      }),
    )
    await many.accept(report(1, pulls))
    await many.close()
    assert.deepEqual(stored, [500, 500])
    assert.deepEqual(told, [
      ['pulls under way not stored', { pulls: 2000, error: new Error('no time for more than 1000 of them') }],
    ])
  })

  it('names the active pulls that a report lacks', async () => {
    await intake.accept(report(1, [reported('web', { digest: 'sha256:abc' })]))
    const answer = await intake.accept(report(2, []))
    assert.deepEqual(answer.awaiting, [
      {
        id: pullId('web'),
        imageRef: 'registry.example.com/web:v1',
        digest: 'sha256:abc',
        startedAt: '2026-11-21T10:00:00.000Z',
      },
    ])
  })

  it('changes nothing on a stale report, and acknowledges nothing', async () => {
    await intake.accept(report(5, [reported('web')]))
    const answer = await intake.accept(report(4, [reported('web', { phase: 'completed' })]))
    assert.deepEqual([answer.accepted, answer.reason, answer.acknowledged], [false, 'stale', false])
    assert.equal(published.length, 1)
  })

  it('takes the reports of one node in the order they came, also when the first one must wait for the disk', async () => {
    const first = intake.accept(report(1, [reported('web', { phase: 'completed' })]))
    const second = intake.accept(report(2, [reported('api')]))
    await Promise.all([first, second])
    assert.deepEqual(published, [
      'pull.started web completed',
      'pull.completed web completed',
      'pull.started api downloading',
    ])
  })

  it('makes the pulls of a silent node stale, then ends them unknown, and keeps that', async () => {
    await intake.accept(report(1, [reported('web')]))
    clock.advance(15_000)
    await intake.sweep()
    assert.equal(published.at(-1), 'pull.progress web downloading')
    assert.equal(intake.nodes()[0]!.stale, true)
    clock.advance(giveUpAfterMs)
    await intake.sweep()
    assert.equal(published.at(-1), 'pull.failed web unknown')
    assert.equal((await real.get(pullId('web')))?.phase, 'unknown')
    assert.equal(intake.counts().livePulls, 0)
  })

  it('tries again to end the pulls of a silent node when the history is back', async () => {
    await intake.accept(report(1, [reported('web')]))
    clock.advance(giveUpAfterMs)
    history.broken = 'writes'
    await intake.sweep()
    assert.equal(intake.counts().livePulls, 1)
    history.broken = 'nothing'
    await intake.sweep()
    assert.equal(published.at(-1), 'pull.failed web unknown')
  })

  for (const hours of [1, -1]) {
    it(`judges silence by what has passed when the time of day jumps by ${hours} h`, async () => {
      await intake.accept(report(1, [reported('web')]))
      clock.set(hours * 3_600_000)
      await intake.sweep()
      assert.deepEqual(published, ['pull.started web downloading'])
      clock.advance(15_000)
      await intake.sweep()
      assert.equal(published.at(-1), 'pull.progress web downloading')
    })
  }

  it('forgets a node that has been silent for long', async () => {
    await intake.accept(report(1, []))
    clock.advance(limits.forgetNodeAfterMs + 1)
    await intake.sweep()
    assert.deepEqual(intake.nodes(), [])
  })

  it('refuses more nodes than it may know, names the bound, and keeps serving the others', async () => {
    for (const name of ['a', 'b', 'c']) await intake.accept(report(1, [], { nodeName: name }))
    await assert.rejects(async () => intake.accept(report(1, [], { nodeName: 'd' })), {
      code: Code.Exhausted,
      message: 'the server knows 3 nodes, as many as it may',
    })
    // Not even for ids that only the history could know.
    history.broken = 'everything'
    assert.throws(() => intake.accept(report(1, [reported('web')], { nodeName: 'd' })), { code: Code.Exhausted })
    assert.equal((await intake.accept(report(2, [], { nodeName: 'a' }))).accepted, true)
  })

  it('refuses more live pulls than it may know', async () => {
    const many = Array.from({ length: 11 }, (_, index) => reported(`p${'abcdefghijk'[index]}`))
    await assert.rejects(async () => intake.accept(report(1, many)), { code: Code.Exhausted })
  })

  it('takes ends at any number, as they need no room', async () => {
    const many = Array.from({ length: 11 }, (_, i) => reported(`p${'abcdefghijk'[i]}`, { phase: 'completed' }))
    assert.equal((await intake.accept(report(1, many))).acknowledged, true)
  })

  it('refuses more layers of live pulls than it may know, and takes reports that bring no more', async () => {
    const layers = Array.from({ length: 40 }, (_, i) => layer(`web-${i}`, 0))
    await intake.accept(report(1, [reported('web', { layers })]))
    await assert.rejects(async () => intake.accept(report(1, [reported('api')], { nodeName: 'b' })), {
      code: Code.Exhausted,
      message: 'the server knows 40 layers of live pulls, as many as it may',
    })
    assert.equal((await intake.accept(report(2, [reported('web', { layers })]))).accepted, true)
    await intake.accept(report(3, [reported('web', { phase: 'completed' })]))
    assert.equal((await intake.accept(report(1, [reported('api')], { nodeName: 'b' }))).accepted, true)
  })

  it('does not let a node hold more by leaving pulls out of its reports', async () => {
    const pulls = (letters: string) => [...letters].map(letter => reported(`p${letter}`))
    await intake.accept(report(1, pulls('abcdef')))
    await assert.rejects(async () => intake.accept(report(2, pulls('ghijk'))), { code: Code.Exhausted })
  })

  it('tells how far apart the clocks are when it is more than five seconds', async () => {
    await intake.accept(report(1, [], { timestamp: at(-6) }))
    assert.equal(intake.nodes()[0]!.clockSkewMs, -6000)
    await intake.accept(report(2, [], { timestamp: at(4) }))
    assert.equal(intake.nodes()[0]!.clockSkewMs, undefined)
  })

  it('counts a layer that two pulls share once in the sum of the node', async () => {
    const shared = layer('base', 600)
    const pulls = [
      reported('web', { layers: [shared, layer('web-1', 100)] }),
      reported('api', { layers: [shared, layer('api-1', 50)] }),
    ]
    await intake.accept(report(1, pulls))
    const [node] = intake.nodes()
    assert.deepEqual([node!.downloadedBytes, node!.totalBytes, node!.activePulls], [750, 3000, 2])
  })

  it('makes the sums of a node once for each of its states', async () => {
    await intake.accept(report(1, [reported('web')]))
    const [view] = intake.nodes()
    assert.equal(intake.nodeView('node-a'), view)
    assert.equal(intake.nodes()[0], view)
    await intake.accept(report(2, [reported('web'), reported('api')]))
    assert.equal(intake.nodeView('node-a')!.activePulls, 2)
    assert.equal(intake.nodeView('node-b'), undefined)
  })

  it('commands the short interval while something pulls and the idle one otherwise', async () => {
    await intake.accept(report(1, [reported('web')]))
    assert.equal(intake.nodes()[0]!.reportIntervalMs, 2000)
    await intake.accept(report(2, [reported('web', { phase: 'completed' })]))
    assert.equal(intake.nodes()[0]!.reportIntervalMs, 30_000)
  })
})
