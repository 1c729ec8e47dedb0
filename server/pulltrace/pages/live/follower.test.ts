import assert from 'node:assert/strict'
import type { Pull } from '../../../../core/contract/pull.ts'
import { Follower, keepDoneMs, keepFailedMs, type News, type Source, silentMs, unansweredMs } from './follower.ts'

class FakeSource implements Source {
  readyState = 1
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  onmessage: Source['onmessage'] = null
  readonly lastEventId: string | undefined
  readonly #named = new Map<string, (message: { readonly lastEventId: string }) => void>()

  constructor(lastEventId: string | undefined) {
    this.lastEventId = lastEventId
  }
  addEventListener(type: string, listener: (message: { readonly lastEventId: string }) => void): void {
    this.#named.set(type, listener)
  }
  close(): void {
    this.readyState = 2
  }
  tell(pull: Pull, id = '', left?: true): void {
    this.onmessage?.({ data: JSON.stringify({ schemaVersion: 'v1', pull, left }), lastEventId: id })
  }
  named(type: 'reset' | 'synced', id = ''): void {
    this.#named.get(type)?.({ lastEventId: id })
  }
  fail(readyState: number): void {
    this.readyState = readyState
    this.onerror?.()
  }
}

const pullOf = (id: string, phase: Pull['phase'] = 'downloading', more: Partial<Pull> = {}) =>
  ({ id, phase, imageRef: 'app', nodeName: 'node-a', pods: [], ...more }) as unknown as Pull

describe('Follower', () => {
  let sources: FakeSource[]
  let news: News[]
  let later: (() => void)[]
  let nowMs: number
  let allowed: boolean
  let ended: Pull[]
  let follower: Follower
  beforeEach(() => {
    ;[sources, news, later, nowMs, allowed, ended] = [[], [], [], 0, true, []]
    follower = new Follower({
      open: lastEventId => {
        sources.push(new FakeSource(lastEventId))
        return sources.at(-1)!
      },
      allowed: async () => allowed,
      ended: async () => ended,
      after: (_, work) => void later.push(work),
      now: () => nowMs,
      tell: item => void news.push(item),
    })
  })
  const ids = () => follower.pulls().map(({ id }) => id)

  it('goes on from what a page shows', () => {
    follower.start({ lastEventId: 'e-7', pulls: [pullOf('a')] })
    assert.equal(sources[0]!.lastEventId, 'e-7')
    assert.equal(follower.take(), undefined, 'the page has these')
    sources[0]!.tell(pullOf('b'), 'e-8')
    assert.deepEqual(follower.take(), { kind: 'changes', pulls: [pullOf('b')], gone: [] })
    assert.deepEqual(ids(), ['a', 'b'])
  })

  it('takes the whole state without one, and says when it is whole', () => {
    follower.start({ lastEventId: undefined, pulls: [pullOf('ended', 'failed')] })
    assert.equal(follower.synced, false)
    sources[0]!.tell(pullOf('a'))
    sources[0]!.named('synced', 'e-9')
    assert.equal(follower.synced, true)
    assert.deepEqual(news, [{ kind: 'all', pulls: [pullOf('ended', 'failed'), pullOf('a')] }])
  })

  it('hands out many changes of one pull as one, and forgets what left or was replaced', () => {
    follower.start({ lastEventId: 'e-1', pulls: [pullOf('a'), pullOf('q')] })
    for (const percent of [1, 2, 3]) sources[0]!.tell(pullOf('b', 'downloading', { percent }), `e-${percent + 1}`)
    sources[0]!.tell(pullOf('c', 'resolving', { replaces: ['q'] }), 'e-5')
    sources[0]!.tell(pullOf('a'), 'e-6', true)
    const taken = follower.take()
    assert.ok(taken?.kind === 'changes')
    assert.deepEqual(
      taken.pulls.map(({ id, percent }) => [id, percent]),
      [
        ['b', 3],
        ['c', undefined],
      ],
    )
    assert.deepEqual([...taken.gone].sort(), ['a', 'q'])
  })

  it('keeps what a restarted server has not heard of yet for a while', () => {
    follower.start({ lastEventId: 'e-1', pulls: [pullOf('a'), pullOf('b')] })
    sources[0]!.named('reset')
    sources[0]!.tell(pullOf('a'))
    sources[0]!.named('synced', 'f-1')
    assert.deepEqual(ids(), ['a', 'b'])
    nowMs = 14_999
    assert.equal(follower.take(), undefined)
    nowMs = 15_000
    assert.deepEqual(follower.take(), { kind: 'changes', pulls: [], gone: ['b'] })
  })

  it('goes on with the times of the one before: what is missing goes in time, or ends', async () => {
    nowMs = 20_000
    const marks = new Map([
      ['a', { endedAtMs: undefined, missingSinceMs: 10_000 }],
      ['b', { endedAtMs: undefined, missingSinceMs: 10_000 }],
      ['done', { endedAtMs: 0, missingSinceMs: undefined }],
    ])
    ended = [pullOf('a', 'failed')]
    const pulls = [pullOf('a'), pullOf('b'), pullOf('c'), pullOf('done', 'completed')]
    follower.start({ lastEventId: 'f-1', pulls, marks })
    assert.deepEqual(follower.marksOf(pulls), marks)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    assert.deepEqual(follower.take(), { kind: 'changes', pulls: [pullOf('a', 'failed')], gone: [] })
    nowMs = 25_000
    assert.deepEqual(follower.take(), { kind: 'changes', pulls: [], gone: ['b'] })
    nowMs = keepDoneMs
    assert.deepEqual(follower.take(), { kind: 'changes', pulls: [], gone: ['done'] })
    assert.deepEqual(ids(), ['a', 'c'])
  })

  it('keeps an end that another page brings no longer than that page would', () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    const marks = new Map([['done', { endedAtMs: 0, missingSinceMs: undefined }]])
    nowMs = keepDoneMs - 1
    follower.adopt({ lastEventId: undefined, pulls: [pullOf('done', 'completed')], marks })
    follower.take()
    assert.deepEqual(ids(), ['done'])
    nowMs = keepDoneMs
    follower.take()
    assert.deepEqual(ids(), [])
  })

  it('asks for the ends that went by while it was away', async () => {
    follower.start({ lastEventId: 'e-1', pulls: [pullOf('a'), pullOf('b'), pullOf('c')] })
    ended = [pullOf('a', 'completed'), pullOf('b', 'failed'), pullOf('another', 'completed')]
    sources[0]!.named('reset')
    sources[0]!.tell(pullOf('b'))
    sources[0]!.named('synced', 'f-1')
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    assert.deepEqual(follower.take(), { kind: 'changes', pulls: [pullOf('a', 'completed')], gone: [] })
    assert.deepEqual(ids(), ['a', 'b', 'c'])
  })

  it('keeps an end in sight, a failure for longer', () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    sources[0]!.tell(pullOf('done', 'completed'), 'e-2')
    sources[0]!.tell(pullOf('bad', 'failed'), 'e-3')
    nowMs = keepDoneMs
    follower.take()
    assert.deepEqual(ids(), ['bad'])
    nowMs = keepFailedMs
    follower.take()
    assert.deepEqual(ids(), [])
  })

  it('waits while its source comes back by itself, and comes back itself when that has given up', async () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    sources[0]!.onopen?.()
    sources[0]!.tell(pullOf('a'), 'e-2')
    sources[0]!.fail(0)
    assert.equal(follower.link, 'lost')
    assert.equal(later.length, 0)
    sources[0]!.fail(2)
    await Promise.resolve()
    await Promise.resolve()
    later[0]!()
    assert.equal(sources[1]!.lastEventId, 'e-2')
    sources[1]!.onopen?.()
    assert.equal(follower.link, 'live')
  })

  it('opens a stream anew that has been silent, and says that it is lost only when that is not answered', () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    sources[0]!.onopen?.()
    nowMs = silentMs - 1
    sources[0]!.tell(pullOf('a'), 'e-2')
    nowMs += silentMs - 1
    follower.checkLife()
    assert.equal(sources.length, 1, 'a word not so long ago')
    nowMs += 1
    follower.checkLife()
    assert.equal(sources[0]!.readyState, 2)
    assert.equal(sources[1]!.lastEventId, 'e-2')
    assert.equal(follower.link, 'live')

    sources[1]!.readyState = 0
    nowMs += unansweredMs - 1
    follower.checkLife()
    assert.deepEqual([sources.length, follower.link], [2, 'live'], 'it may still be answered')
    nowMs += 1
    follower.checkLife()
    assert.deepEqual([sources.length, follower.link], [3, 'lost'])
    assert.equal(sources[1]!.readyState, 2)
    sources[2]!.onopen?.()
    assert.equal(follower.link, 'live')
  })

  it('waits longer for each answer that did not come, so that a slow server is no lost one for ever', () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    const unanswered = (ms: number) => {
      const source = sources.at(-1)!
      source.readyState = 0
      nowMs += ms - 1
      follower.checkLife()
      assert.equal(sources.at(-1), source, `gives it ${ms} ms`)
      nowMs += 1
      follower.checkLife()
      assert.notEqual(sources.at(-1), source)
    }
    for (const times of [1, 2, 4, 4]) unanswered(times * unansweredMs)
    sources.at(-1)!.onopen?.()
    unanswered(unansweredMs)
  })

  it('opens a silent stream anew in time when the clock was set back', () => {
    nowMs = 3_600_000
    follower.start({ lastEventId: 'e-1', pulls: [] })
    sources[0]!.onopen?.()
    nowMs = 0
    follower.checkLife()
    nowMs = silentMs - 1
    follower.checkLife()
    assert.equal(sources.length, 1)
    nowMs = silentMs
    follower.checkLife()
    assert.equal(sources.length, 2)
  })

  it('leaves a stream alone that comes back by itself, or waits for its turn', async () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    sources[0]!.fail(0)
    nowMs = unansweredMs - 1
    sources[0]!.fail(0)
    nowMs += unansweredMs - 1
    follower.checkLife()
    assert.equal(sources.length, 1)
    sources[0]!.fail(2)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    nowMs += silentMs
    follower.checkLife()
    assert.equal(sources.length, 1, 'the next one opens in its time')
  })

  it('says that it is refused when the session has ended, and comes back after a sign-in', async () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    allowed = false
    sources[0]!.fail(2)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    assert.equal(follower.link, 'refused')
    later[0]!()
    sources[1]!.onopen?.()
    assert.equal(follower.link, 'live')
  })

  it('holds no more than what is under way and 500 ends, whatever it is told', () => {
    follower.start({ lastEventId: 'e-1', pulls: [] })
    for (let count = 0; count < 5000; count++) {
      sources[0]!.tell(pullOf(`p${count}`), `e-${count}`)
      sources[0]!.tell(pullOf(`p${count}`, 'completed'), `e-${count}`)
      if (count % 100 === 0) follower.take()
    }
    follower.take()
    assert.equal(follower.pulls().length, 500)
  })
})
