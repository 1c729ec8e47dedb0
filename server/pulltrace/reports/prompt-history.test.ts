import assert from 'node:assert/strict'
import type { TerminalPhase } from '../../../core/contract/words.ts'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code } from '../../../core/lib/errors.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { epochMs, pullId, report, reported } from '../../../core/pulls/build.fake.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { second, waitingPod } from '../../../core/pulls/waiting.fake.ts'
import { factOf, type WaitingContainer } from '../../../core/pulls/waiting.ts'
import { endedPull } from '../../store/ended-pull.fake.ts'
import type { HistoryStore } from '../../store/store.ts'
import { Intake } from './intake.ts'
import { PodJoin } from './pod-join.ts'
import { answerWithinMs, PromptHistory } from './prompt-history.ts'

/** On a disk that hangs until it goes on: what was asked meanwhile is done then, in its order. */
class HangingHistory implements Pick<HistoryStore, 'append' | 'endsOf' | 'get' | 'search'> {
  readonly pulls = new Map<string, PullState>()
  calls = 0
  #hung: PromiseWithResolvers<void> | undefined

  hang() {
    this.#hung = Promise.withResolvers()
  }

  async goOn() {
    this.#hung?.resolve()
    this.#hung = undefined
    await settled()
  }

  async append(pulls: readonly PullState[]) {
    await this.#turn()
    for (const pull of pulls) this.pulls.set(pull.id, pull)
  }

  async endsOf(ids: readonly string[]) {
    await this.#turn()
    return new Map(ids.flatMap(id => (this.pulls.has(id) ? [[id, this.pulls.get(id)!.phase as TerminalPhase]] : [])))
  }

  async get(id: string) {
    await this.#turn()
    return this.pulls.get(id)
  }

  async search() {
    await this.#turn()
    return { items: [...this.pulls.values()], nextCursor: undefined }
  }

  async #turn() {
    this.calls++
    await this.#hung?.promise
  }
}

const settled = () => new Promise(resolve => setImmediate(resolve))
const away = { code: Code.Unavailable, message: 'history is unavailable: no answer for 3 s' }

describe('PromptHistory', () => {
  let clock: FakeClock
  let disk: HangingHistory
  let history: PromptHistory
  const waitTooLong = async () => {
    await settled()
    clock.advance(answerWithinMs)
    history.expire()
  }

  beforeEach(() => {
    clock = new FakeClock(epochMs + 3000)
    disk = new HangingHistory()
    history = new PromptHistory(disk, clock)
  })

  it('gives up what is not answered in time, and nothing earlier', async () => {
    disk.hang()
    let over = false
    const asked = history.endsOf(['a']).finally(() => {
      over = true
    })
    clock.advance(answerWithinMs - 1)
    history.expire()
    await settled()
    assert.equal(over, false)
    clock.advance(1)
    history.expire()
    await assert.rejects(asked, away)
  })

  it('looks by itself until it is stopped', async () => {
    disk.hang()
    const stop = new AbortController()
    const asked = history.get('a')
    const running = history.run(stop.signal)
    await assert.rejects(asked, away)
    stop.abort()
    await running
  })

  it('asks nothing of a disk that hangs, and asks again once it has answered', async () => {
    disk.hang()
    const first = history.append([endedPull('a')])
    await Promise.all([waitTooLong(), assert.rejects(first, away)])
    for (const call of [history.append([endedPull('b')]), history.endsOf(['a']), history.get('a')])
      await assert.rejects(call, away)
    assert.equal(disk.calls, 1)
    await disk.goOn()
    await history.append([endedPull('b')])
    assert.deepEqual([...disk.pulls.keys()], ['a', 'b'])
  })

  it('does not know what a write holds that was given up, until it is written again', async () => {
    await history.append([endedPull('a', { phase: 'unknown' })])
    disk.hang()
    const [late] = await Promise.all([
      history.append([endedPull('a', { phase: 'completed' }), endedPull('b')]).catch(error => error),
      waitTooLong(),
    ])
    assert.equal(late.code, Code.Unavailable)
    await disk.goOn()
    assert.deepEqual(await history.endsOf(['a', 'b']), new Map())
    assert.deepEqual((await history.search({}, 10)).items, [])
    await history.append([endedPull('b')])
    assert.deepEqual([...(await history.endsOf(['a', 'b'])).keys()], ['b'])
    assert.deepEqual(
      (await history.search({}, 10)).items.map(({ id }) => id),
      ['b'],
    )
  })

  it('writes nothing again that has reached the disk: one that is always late gets its ends told', async () => {
    disk.hang()
    await Promise.all([assert.rejects(history.append([endedPull('a')]), away), waitTooLong()])
    await disk.goOn()
    disk.hang()
    const { calls } = disk
    await history.append([endedPull('a')])
    assert.equal(disk.calls, calls)
    const [late] = await Promise.all([
      history.append([endedPull('a'), endedPull('b')]).catch(error => error),
      waitTooLong(),
    ])
    assert.equal(late.code, Code.Unavailable)
    await disk.goOn()
    await history.append([endedPull('a'), endedPull('b')])
    assert.deepEqual([...(await history.endsOf(['a', 'b'])).keys()], ['a', 'b'])
  })

  it('writes what has changed since it reached the disk', async () => {
    disk.hang()
    const unknown = [endedPull('a', { phase: 'unknown' })]
    await Promise.all([assert.rejects(history.append(unknown), away), waitTooLong()])
    await disk.goOn()
    await history.append([endedPull('a', { phase: 'completed' })])
    assert.deepEqual(await history.endsOf(['a']), new Map([['a', 'completed']]))
  })

  describe('under Intake', () => {
    let published: string[]
    let containers: readonly WaitingContainer[]
    let intake: Intake
    let seq: number
    const send = async (...pulls: Parameters<typeof reported>[]) =>
      intake.accept(
        report(
          ++seq,
          pulls.map(pull => reported(...pull)),
        ),
      )

    beforeEach(() => {
      published = []
      containers = []
      seq = 0
      const pods = { waits: () => ({ containers, everyNamespace: true }) }
      intake = new Intake({
        history,
        publish: changes =>
          published.push(
            ...changes.map(({ type, pull }) => `${type} ${pull.imageRef.split(/[/:]/)[1]} ${pull.source}`),
          ),
        intervals: () => ({ reportIntervalMs: 2000, idleReportIntervalMs: 2000 }),
        limits: { maxNodes: 3, maxLivePulls: 10, maxLiveLayers: 40, forgetNodeAfterMs: 3_600_000 },
        pods: new PodJoin({ pods, history, maxQueuedPulls: 10, agentsBackByMs: 0 }),
        clock,
        log: silentLogger,
      })
    })

    it('shows what is live within seconds on a disk that hangs, and acknowledges no end', async () => {
      disk.hang()
      const first = send(['web'], ['api', { phase: 'completed' }])
      await waitTooLong()
      const { accepted, acknowledged } = await first
      assert.deepEqual([accepted, acknowledged], [true, false])
      const second = await send(['web'], ['db'], ['api', { phase: 'completed' }])
      assert.deepEqual([second.accepted, second.acknowledged], [true, false])
      assert.ok(published.includes('pull.started web agent') && published.includes('pull.started db agent'))
      assert.ok(!published.some(change => change.includes('api')))
      assert.equal(disk.calls, 1)
    })

    it('tells each end once, and acknowledges it, once a write that was given up has reached the disk', async () => {
      await send(['web'])
      disk.hang()
      const ends = [
        ['web', { phase: 'completed' }],
        ['api', { phase: 'failed' }],
      ] as const satisfies Parameters<typeof reported>[]
      // Of the end that is known to be new; the other is asked for.
      const first = send(ends[0])
      await waitTooLong()
      assert.equal((await first).acknowledged, false)
      assert.deepEqual(published, ['pull.started web agent'])
      await disk.goOn()
      assert.ok(disk.pulls.has(pullId('web')))
      const last = await send(...ends)
      assert.equal(last.acknowledged, true)
      assert.deepEqual(published.slice(1).toSorted(), [
        'pull.completed web agent',
        'pull.failed api agent',
        'pull.started api agent',
      ])
      published.length = 0
      assert.equal((await send(...ends)).acknowledged, true)
      assert.deepEqual(published, [])
    })

    it('tells the end of a pull that was never live, although a write of it that was given up is on the disk', async () => {
      // The look into the history is answered, the write is not.
      const append = disk.append.bind(disk)
      disk.append = async pulls => {
        disk.hang()
        await append(pulls)
      }
      const first = send(['api', { phase: 'failed' }])
      await waitTooLong()
      assert.equal((await first).acknowledged, false)
      disk.append = append
      await disk.goOn()
      assert.ok(disk.pulls.has(pullId('api')))
      assert.equal((await send(['api', { phase: 'failed' }])).acknowledged, true)
      assert.deepEqual(published, ['pull.started api agent', 'pull.failed api agent'])
    })

    it('tells a failure that only the kubelet saw likewise', async () => {
      const append = disk.append.bind(disk)
      disk.append = async pulls => {
        disk.hang()
        await append(pulls)
      }
      const failed = factOf('Failed', 'Failed to pull image "x": x: not found', second(2))
      containers = [waitingPod('web', 'registry.example.com/web:v1', [factOf('Pulling', '', second(2)), failed])]
      intake.podsChanged('node-a')
      await waitTooLong()
      await settled()
      assert.deepEqual(published, [])
      disk.append = append
      await disk.goOn()
      assert.equal(disk.pulls.size, 1)
      intake.podsChanged('node-a')
      await send()
      assert.deepEqual(published, ['pull.started web kubelet', 'pull.failed web kubelet'])
    })
  })
})
