import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { RuleMatches } from './rule-matches.ts'

describe('RuleMatches', () => {
  it('counts the last 24 hours, at most every 5 s, once for all who ask at once', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 31))
    const asked: number[] = []
    const countByRule = async (sinceMs: number) => new Map([['a', asked.push(sinceMs)]])
    const matches = new RuleMatches({
      events: { countByRule },
      clock: { ...systemClock, now: () => clock.now(), monotonic: () => clock.monotonic() },
    })
    const both = await Promise.all([matches.counts(), matches.counts()])
    assert.deepEqual(both, [new Map([['a', 1]]), new Map([['a', 1]])])
    clock.advance(4999)
    assert.deepEqual(await matches.counts(), new Map([['a', 1]]))
    clock.advance(1)
    assert.deepEqual(await matches.counts(), new Map([['a', 2]]))
    assert.deepEqual(asked, [Date.UTC(2026, 0, 30), Date.UTC(2026, 0, 30) + 5000])
  })

  it('answers within a second without what is not yet counted, and with it once it is', async () => {
    const clock = new FakeClock()
    const { promise, resolve } = Promise.withResolvers<Map<string, number>>()
    const matches = new RuleMatches({ events: { countByRule: () => promise }, clock })
    assert.equal(await matches.counts(), undefined)
    assert.deepEqual(clock.slept, [1000])
    resolve(new Map([['a', 3]]))
    await turn()
    assert.deepEqual(await matches.counts(), new Map([['a', 3]]))
  })

  it('shows old counts for a minute while it is slow, then none until it is done', async () => {
    const clock = new FakeClock()
    const slow = Promise.withResolvers<Map<string, number>>()
    const answers = [Promise.resolve(new Map([['a', 1]])), slow.promise]
    const matches = new RuleMatches({ events: { countByRule: () => answers.shift()! }, clock })
    await matches.counts()
    const countedAtMs = clock.monotonic()
    clock.advance(30_000)
    assert.deepEqual(await matches.counts(), new Map([['a', 1]]))
    clock.advance(countedAtMs + 60_000 - 1000 - clock.monotonic())
    assert.deepEqual(await matches.counts(), new Map([['a', 1]]))
    assert.equal(await matches.counts(), undefined)
    slow.resolve(new Map([['a', 2]]))
    await turn()
    assert.deepEqual(await matches.counts(), new Map([['a', 2]]))
  })

  it('is unknown when counting fails, and is asked again later', async () => {
    let failed = false
    const countByRule = async () => {
      if (failed) return new Map([['a', 1]])
      failed = true
      throw new Error('away')
    }
    let nowMs = 0
    const matches = new RuleMatches({ events: { countByRule }, clock: { ...systemClock, monotonic: () => nowMs } })
    assert.equal(await matches.counts(), undefined)
    nowMs += 5000
    assert.deepEqual(await matches.counts(), new Map([['a', 1]]))
  })
})
