import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { epochMs, pullId, report, reported } from '../../../core/pulls/build.fake.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { second, waitingPod } from '../../../core/pulls/waiting.fake.ts'
import { factOf, type WaitingContainer } from '../../../core/pulls/waiting.ts'
import type { HistoryStore } from '../../store/store.ts'
import { Intake } from './intake.ts'
import { PodJoin } from './pod-join.ts'

const image = 'registry.example.com/web:v1'
const pulling = (seconds: number) => factOf('Pulling', '', second(seconds))
const pulled = (seconds: number) =>
  factOf('Pulled', 'Successfully pulled image "x" in 1s (1s including waiting). Image size: 9 bytes.', second(seconds))
const failed = (seconds: number) => factOf('Failed', 'Failed to pull image "x": x: not found', second(seconds))

/** Enough of a history to see what is asked for and stored, and to break it. */
class MemoryHistory implements Pick<HistoryStore, 'append' | 'endsOf' | 'get' | 'search'> {
  readonly pulls = new Map<string, PullState>()
  broken: 'nothing' | 'writes' | 'everything' = 'nothing'

  appends = 0
  asks = 0

  async append(pulls: readonly PullState[]) {
    this.appends++
    if (this.broken !== 'nothing') throw new PulltraceError(Code.Unavailable, 'the disk is full')
    for (const pull of pulls) this.pulls.set(pull.id, pull)
  }

  async endsOf(ids: readonly string[]) {
    this.asks++
    this.#check()
    return new Map(ids.flatMap(id => (this.pulls.has(id) ? [[id, this.pulls.get(id)!.phase as 'failed']] : [])))
  }

  async get(id: string) {
    this.#check()
    return this.pulls.get(id)
  }

  async search() {
    this.#check()
    return { items: [...this.pulls.values()], nextCursor: undefined }
  }

  #check() {
    if (this.broken === 'everything') throw new PulltraceError(Code.Unavailable, 'the disk is full')
  }
}

describe('Intake with PodJoin', () => {
  let history: MemoryHistory
  let clock: FakeClock
  let containers: readonly WaitingContainer[]
  let published: string[]
  let intake: Intake
  let join: PodJoin

  const open = (maxQueuedPulls = 1000, agentsBackByMs = 0) => {
    const pods = {
      waits: (node: string) => ({ containers: node === 'node-a' ? containers : [], everyNamespace: true }),
    }
    join = new PodJoin({ pods, history, maxQueuedPulls, agentsBackByMs })
    intake = new Intake({
      history,
      publish: changes =>
        published.push(
          ...changes.map(({ type, pull }) => {
            if (type === 'pull.failed') assert.ok(history.pulls.has(pull.id), 'durable first, visible second')
            return `${type} ${pull.source} ${pull.phase}`
          }),
        ),
      pods: join,
      intervals: () => ({ reportIntervalMs: 2000, idleReportIntervalMs: 2000 }),
      limits: { maxNodes: 3, maxLivePulls: 10, maxLiveLayers: 40, forgetNodeAfterMs: 3_600_000 },
      clock,
      log: silentLogger,
    })
  }
  /** Resolves when the node has been joined. */
  const podsChanged = async (...now: readonly WaitingContainer[]) => {
    containers = now
    intake.podsChanged('node-a')
    await intake.accept(report(++seq, []))
  }
  let seq: number
  /** Resolves when what was asked of the node is done: a report of another one comes after it. */
  const settled = () => new Promise(resolve => setImmediate(resolve))

  beforeEach(() => {
    history = new MemoryHistory()
    clock = new FakeClock(epochMs + 3000)
    containers = []
    published = []
    seq = 0
    open()
  })

  it('counts what is queued, and asks no agent for it', async () => {
    await podsChanged(waitingPod('web', image, [pulling(2)]))
    assert.equal(join.counts().queuedPulls, 1)
    assert.deepEqual((await intake.accept(report(++seq, []))).awaiting, [])
    await intake.accept(report(++seq, [reported('web', { startedAt: new Date(epochMs + 2500).toISOString() })]))
    assert.equal(join.counts().queuedPulls, 0)
    assert.deepEqual(published, ['pull.started kubelet queued', 'pull.started agent downloading'])
  })

  it('tells no end that cannot be stored, and does once it can', async () => {
    await podsChanged(waitingPod('web', image, [pulling(2)]))
    history.broken = 'writes'
    await podsChanged(waitingPod('web', image, [pulling(2), failed(3)]))
    assert.deepEqual(published, ['pull.started kubelet queued'])
    history.broken = 'nothing'
    await podsChanged(...containers)
    assert.deepEqual(published.slice(1), ['pull.failed kubelet failed'])
  })

  it('tries an end that is due ever more seldom while the history cannot be written, and at once when it can', async () => {
    /** As the server does it, four times a second. */
    const joinFor = async (ms: number) => {
      const before = history.appends
      for (let passed = 0; passed < ms; passed += 250) {
        clock.advance(250)
        intake.joinDue()
        await settled()
      }
      return history.appends - before
    }
    await podsChanged(waitingPod('web', image, [pulling(2)]))
    // Its end waits for the runtime's pull, and is due when there is none.
    await podsChanged(waitingPod('web', image, [pulling(2), pulled(3)]))
    history.broken = 'writes'
    await joinFor(15_000)
    const tries = await joinFor(60_000)
    assert.ok(tries >= 11 && tries <= 13, `${tries} tries in a minute`)
    history.broken = 'nothing'
    await joinFor(5000)
    assert.deepEqual(published.at(-1), 'pull.completed kubelet completed')
    history.broken = 'writes'
    await podsChanged(waitingPod('api', 'registry.example.com/api:v1', [pulling(90)]))
    await podsChanged(waitingPod('api', 'registry.example.com/api:v1', [pulling(90), pulled(91)]))
    assert.ok((await joinFor(10_000)) >= 3, 'as often as at first')
  })

  it('tells nothing of the past while the history cannot be asked', async () => {
    history.broken = 'everything'
    await podsChanged(waitingPod('web', image, [pulling(2), failed(2)]))
    assert.deepEqual(published, [])
    history.broken = 'nothing'
    await podsChanged(...containers)
    assert.deepEqual(published, ['pull.started kubelet failed', 'pull.failed kubelet failed'])
  })

  for (const broken of ['everything', 'writes'] as const) {
    it(`comes back by itself to a failure that it first heard of while ${broken} failed`, async () => {
      history.broken = broken
      await podsChanged(waitingPod('web', image, [pulling(2), failed(2)]))
      const joinFor = async (ms: number) => {
        const { asks } = history
        for (let passed = 0; passed < ms; passed += 250) {
          clock.advance(250)
          intake.joinDue()
          await settled()
        }
        return history.asks - asks
      }
      await joinFor(15_000)
      const tries = await joinFor(20_000)
      assert.ok(tries >= 3 && tries <= 6, `${tries} tries in 20 s`)
      assert.deepEqual(published, [])
      history.broken = 'nothing'
      await joinFor(5000)
      assert.deepEqual(published, ['pull.started kubelet failed', 'pull.failed kubelet failed'])
      assert.equal(await joinFor(10_000), 0, 'asks no more')
    })
  }

  it("tells no failure again that an agent's pull stands for in the history of an earlier server", async () => {
    const pods = [{ namespace: 'shop', podName: 'web', container: 'main', certain: true }]
    await intake.accept(report(++seq, [reported('web', { phase: 'failed' })]))
    const stored = history.pulls.get(pullId('web'))!
    history.pulls.set(stored.id, { ...stored, pods })
    open()
    published = []
    await podsChanged(waitingPod('web', image, [pulling(2), failed(2)]))
    assert.deepEqual(published, [])
  })

  it('ends what time ends by the clock of the node, also when that of the server was set meanwhile', async () => {
    await podsChanged(waitingPod('web', image, [pulling(2)]))
    clock.advance(4000)
    clock.set(3_600_000)
    await podsChanged({ ...containers[0]!, deleted: true })
    const [web] = history.pulls.values()
    assert.equal(web!.phase, 'failed')
    // The one report said second 2, and 4 s have passed.
    assert.equal(web!.completedAtMs, epochMs + 6000)
  })

  it('acknowledges an end that waits for its reason: it is safe', async () => {
    const startedAt = new Date(epochMs + 2500).toISOString()
    containers = [waitingPod('web', image, [pulling(2)])]
    await intake.accept(report(++seq, [reported('web', { startedAt })]))
    published = []
    const end = { phase: 'failed', startedAt, completedAt: new Date(epochMs + 3000).toISOString() } as const
    const answer = await intake.accept(report(++seq, [reported('web', end)]))
    assert.deepEqual([answer.acknowledged, history.pulls.get(pullId('web'))?.phase], [true, 'failed'])
    assert.deepEqual(published, [])
    clock.advance(2999)
    intake.joinDue()
    clock.advance(1)
    intake.joinDue()
    await intake.accept(report(++seq, []))
    assert.deepEqual(published, ['pull.failed agent failed'])
  })

  it('queues nothing of a node until its agent has come back, or has had the time to', async () => {
    open(1000, clock.monotonic() + 3000)
    containers = [waitingPod('web', image, [pulling(2)])]
    intake.podsChanged('node-a')
    clock.advance(2999)
    intake.joinDue()
    await settled()
    assert.deepEqual(published, [])
    clock.advance(1)
    intake.joinDue()
    await settled()
    assert.deepEqual(published, ['pull.started kubelet queued'])
  })

  it('shows no more queued pulls than it may, and says how many are left out', async () => {
    open(2)
    await podsChanged(...['a', 'b', 'c'].map(name => waitingPod(name, `r.example.com/${name}`, [pulling(2)])))
    assert.deepEqual(join.counts(), { queuedPulls: 2, leftOutPulls: 1 })
    assert.equal(published.length, 2)
  })
})
