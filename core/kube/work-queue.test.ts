import assert from 'node:assert/strict'
import fc from 'fast-check'
import { FakeClock } from '../lib/clock.fake.ts'
import { SteppedClock } from '../lib/stepped-clock.fake.ts'
import { RateLimiter } from './rate-limiter.ts'
import { until } from './until.fake.ts'
import { StopNow, WorkQueue } from './work-queue.ts'

describe('RateLimiter', () => {
  it('doubles from 5 ms to 1000 s for each failure of a key, apart from other keys', () => {
    const limiter = new RateLimiter(new FakeClock())
    const waits = Array.from({ length: 20 }, () => limiter.waitMs('a'))
    assert.deepEqual(waits.slice(0, 4), [5, 10, 20, 40])
    assert.deepEqual(waits.slice(17), [655_360, 1_000_000, 1_000_000])
    assert.equal(limiter.waitMs('b'), 5)
    assert.equal(limiter.failures('a'), 20)
    limiter.forget('a')
    assert.equal(limiter.waitMs('a'), 5)
  })

  it('lets 100 keys fail at once, and then 10 a second', () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter(clock)
    const waits = Array.from({ length: 103 }, (_, key) => limiter.waitMs(`key ${key}`))
    assert.deepEqual(waits.slice(98), [5, 5, 100, 200, 300])
    clock.advance(1000)
    assert.equal(limiter.waitMs('later'), 5)
  })

  it('is held to a shorter longest wait', () => {
    const limiter = new RateLimiter(new FakeClock(), 60)
    assert.deepEqual(
      Array.from({ length: 6 }, () => limiter.waitMs('a')),
      [5, 10, 20, 40, 60, 60],
    )
  })
})

describe('WorkQueue', () => {
  let stop: AbortController
  let running: Promise<void>

  beforeEach(() => {
    stop = new AbortController()
    running = Promise.resolve()
  })

  afterEach(async () => {
    stop.abort(new StopNow())
    await running
  })

  it('works once on a key that is added many times', async () => {
    const queue = new WorkQueue()
    const worked: string[] = []
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
    assert.equal(queue.depth, 2)
    running = queue.run(async key => void worked.push(key), { workers: 1, signal: stop.signal })
    await until('all is done', () => worked.length === 2)
    assert.deepEqual(worked, ['a', 'b'])
  })

  it('works once more on a key that is added while it is worked on, and never on two of it at a time', async () => {
    const queue = new WorkQueue()
    const gates: PromiseWithResolvers<void>[] = []
    let atATime = 0
    running = queue.run(
      async () => {
        atATime++
        assert.equal(atATime, 1)
        const gate = Promise.withResolvers<void>()
        gates.push(gate)
        await gate.promise
        atATime--
      },
      { workers: 3, signal: stop.signal },
    )
    queue.add('a')
    await until('it is worked on', () => gates.length === 1)
    for (let time = 0; time < 3; time++) queue.add('a')
    gates[0]!.resolve()
    await until('it is worked on again', () => gates.length === 2)
    gates[1]!.resolve()
    await until('it is done', () => atATime === 0)
    assert.equal(gates.length, 2)
  })

  it('gives different keys to as many workers as there are', async () => {
    const queue = new WorkQueue()
    const started: string[] = []
    const gate = Promise.withResolvers<void>()
    running = queue.run(
      async key => {
        started.push(key)
        await gate.promise
      },
      { workers: 2, signal: stop.signal },
    )
    for (const key of ['a', 'b', 'c']) queue.add(key)
    await until('two have started', () => started.length === 2)
    assert.equal(queue.depth, 1)
    gate.resolve()
    await until('the third has', () => started.length === 3)
  })

  it('adds a delayed key when the first of its delays is over, once', async () => {
    const clock = new SteppedClock()
    const queue = new WorkQueue({ clock })
    const worked: [string, number][] = []
    running = queue.run(async key => void worked.push([key, clock.now()]), { workers: 1, signal: stop.signal })
    queue.addAfter('a', 500)
    queue.addAfter('a', 200)
    queue.addAfter('a', 900)
    queue.addAfter('b', 100)
    await clock.whenSleeping()
    await clock.advance(1000)
    assert.deepEqual(worked, [
      ['b', 100],
      ['a', 200],
    ])
  })

  it('tries a key again whose worker threw, later each time, until it is forgotten', async () => {
    const clock = new SteppedClock()
    const failures: unknown[] = []
    const queue = new WorkQueue({ clock, failed: (key, error) => failures.push([key, (error as Error).message]) })
    const tried: number[] = []
    running = queue.run(
      async key => {
        tried.push(clock.now())
        if (tried.length < 4) throw new Error('not yet')
        queue.forget(key)
      },
      { workers: 1, signal: stop.signal },
    )
    queue.add('a')
    for (let time = 1; time < 4; time++) {
      await until(`try ${time} failed`, () => failures.length === time && clock.sleeping === 1)
      await clock.advance(5 * 2 ** (time - 1))
    }
    await until('it has worked', () => tried.length === 4)
    assert.deepEqual(tried, [0, 5, 15, 35])
    assert.deepEqual(failures[0], ['a', 'not yet'])
    assert.equal(queue.failures('a'), 0)
  })

  it('lets the work under way finish when it is stopped, and takes no more', async () => {
    const queue = new WorkQueue()
    const gate = Promise.withResolvers<void>()
    const done: string[] = []
    running = queue.run(
      async (key, signal) => {
        await gate.promise
        assert.equal(signal.aborted, false)
        done.push(key)
      },
      { workers: 1, signal: stop.signal },
    )
    queue.add('a')
    queue.add('b')
    await until('a is worked on', () => queue.depth === 1)
    stop.abort()
    gate.resolve()
    await running
    assert.deepEqual(done, ['a'])
    assert.equal(queue.depth, 1)
  })

  for (const { name, reason, ms } of [
    { name: 'work that takes too long to finish is told to stop', reason: new Error('shutdown'), ms: 20_000 },
    { name: 'work is told to stop at once when another may act', reason: new StopNow('lost'), ms: 0 },
  ]) {
    it(name, async () => {
      const clock = new SteppedClock()
      const queue = new WorkQueue({ clock })
      let told: number | undefined
      const started = Promise.withResolvers<void>()
      running = queue.run(
        (_key, signal) =>
          new Promise(resolve => {
            started.resolve()
            signal.addEventListener('abort', () => {
              told = clock.now()
              resolve()
            })
          }),
        { workers: 1, signal: stop.signal },
      )
      queue.add('a')
      await started.promise
      stop.abort(reason)
      await clock.advance(30_000)
      await running
      assert.equal(told, ms)
    })
  }

  it('keeps what is added between two runs', async () => {
    const queue = new WorkQueue()
    const worked: string[] = []
    const work = async (key: string) => void worked.push(key)
    running = queue.run(work, { workers: 1, signal: stop.signal })
    stop.abort()
    await running
    queue.add('a')
    stop = new AbortController()
    running = queue.run(work, { workers: 1, signal: stop.signal })
    await until('it is worked on', () => worked.length === 1)
  })

  it('works on each key after its last add, whatever the order, and never on one twice at a time', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, fc.nat(3), fc.nat(2)), { maxLength: 30 }), async adds => {
        const queue = new WorkQueue({ clock: new FakeClock() })
        const stopped = new AbortController()
        const versions = new Map<string, number>()
        const seen = new Map<string, number>()
        const busy = new Set<string>()
        let ticks = 0
        const run = queue.run(
          async of => {
            assert.ok(!busy.has(of), `two work on '${of}'`)
            busy.add(of)
            const version = versions.get(of)!
            for (let tick = ticks++ % 3; tick > 0; tick--) await new Promise(setImmediate)
            busy.delete(of)
            if (ticks % 5 === 0) throw new Error('some fail')
            seen.set(of, version)
          },
          { workers: 2, signal: stopped.signal },
        )
        for (const [of, how, pause] of adds) {
          versions.set(of, (versions.get(of) ?? 0) + 1)
          if (how === 0) queue.addAfter(of, 10)
          else if (how === 1) queue.addRateLimited(of)
          else queue.add(of)
          for (let tick = 0; tick < pause; tick++) await new Promise(setImmediate)
        }
        await until('all is seen', () => [...versions].every(([of, version]) => seen.get(of) === version))
        stopped.abort()
        await run
      }),
      { numRuns: 50 },
    )
  })
})
