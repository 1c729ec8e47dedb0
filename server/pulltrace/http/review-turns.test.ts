import assert from 'node:assert/strict'
import { SteppedClock } from '../../../core/lib/stepped-clock.fake.ts'
import { ReviewTurns, type TurnLimits } from './review-turns.ts'

/** Turns whose questions are written down, and answered at once unless `hold`. */
function setUp(limits: Partial<TurnLimits> = {}, hold = false) {
  const clock = new SteppedClock(1000)
  const turns = new ReviewTurns({ maxAtOnce: 100, perSecond: 10, burst: 3, maxWaiting: 100, ...limits }, clock)
  const asked: string[] = []
  const held: (() => void)[] = []
  const ask = (from: string, times = 1) =>
    Array.from({ length: times }, () =>
      turns.run(from, async () => {
        asked.push(from)
        if (hold) await new Promise<void>(resolve => held.push(resolve))
      }),
    )
  return { clock, asked, held, ask }
}

const settled = () => new Promise<void>(resolve => setImmediate(resolve))

describe('ReviewTurns', () => {
  it('lets a burst go at once, and then so many a second', async () => {
    const { clock, asked, ask } = setUp()
    const all = ask('a', 13)
    assert.equal(asked.length, 3)
    await clock.advance(99)
    assert.equal(asked.length, 3)
    await clock.advance(1)
    assert.equal(asked.length, 4)
    await clock.advance(900)
    await Promise.all(all)
    assert.equal(asked.length, 13)
  })

  it('lets a flood through no faster, however long it lasts', async () => {
    const { clock, asked, ask } = setUp({ maxWaiting: 20 })
    let refused = 0
    for (let second = 0; second < 60; second++) {
      for (const one of ask('flood', 300)) one.catch(() => refused++)
      await clock.advance(1000)
    }
    assert.equal(asked.length, 3 + 60 * 10)
    assert.equal(asked.length + refused, 60 * 300 - 10, 'all but those that wait have an answer')
  })

  it('saves up for no more than a burst', async () => {
    const { clock, asked, ask } = setUp()
    await clock.advance(3_600_000)
    void ask('a', 10)
    assert.equal(asked.length, 3)
  })

  it('lets so many go at a time, and the next when one is done', async () => {
    const { asked, held, ask } = setUp({ maxAtOnce: 2, burst: 100 }, true)
    const all = ask('a', 4)
    assert.equal(asked.length, 2)
    held[0]!()
    await settled()
    assert.equal(asked.length, 3)
    for (let index = 1; index < 4; index++) {
      held[index]!()
      await settled()
    }
    await Promise.all(all)
  })

  it('goes on after a question that failed', async () => {
    const clock = new SteppedClock()
    const turns = new ReviewTurns({ maxAtOnce: 1, perSecond: 1000, burst: 10, maxWaiting: 10 }, clock)
    const failing = turns.run('a', async () => assert.fail('no answer'))
    const next = turns.run('a', async () => 'answer')
    await assert.rejects(failing, /no answer/)
    assert.equal(await next, 'answer')
  })

  it('takes those who wait in turns by where they come from', async () => {
    const { clock, asked, ask } = setUp({ burst: 1, perSecond: 1000 })
    const all = [...ask('flood', 5), ...ask('b', 2), ...ask('c')]
    await clock.advance(100)
    await Promise.all(all)
    assert.deepEqual(asked, ['flood', 'flood', 'b', 'c', 'flood', 'b', 'flood', 'flood'])
  })

  it('makes room at the cost of whoever has most waiting, and of nobody who has one', async () => {
    const { clock, ask } = setUp({ burst: 1, maxWaiting: 3 })
    const flood = ask('flood', 4)
    const [b] = ask('b')
    await assert.rejects(flood[3]!, { code: 'unavailable' })
    const [c] = ask('c')
    await assert.rejects(flood[2]!, { code: 'unavailable' })
    const [d] = ask('d')
    await assert.rejects(d!, (error: { code: string; details: { retryAfterSeconds: number } }) => {
      assert.equal(error.code, 'unavailable')
      assert.ok(error.details.retryAfterSeconds >= 1)
      return true
    })
    await assert.rejects(ask('flood')[0]!, { code: 'unavailable' })
    await clock.advance(1000)
    await Promise.all([flood[0], flood[1], b, c])
  })
})
