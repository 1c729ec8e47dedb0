import assert from 'node:assert/strict'
import { silentLogger } from '../lib/log.ts'
import { SteppedClock } from '../lib/stepped-clock.fake.ts'
import { FakeApiServer } from './api-server.fake.ts'
import { LeaderElection } from './leader.ts'
import { leases } from './resources.ts'
import { until } from './until.fake.ts'
import { StopNow } from './work-queue.ts'

describe('LeaderElection', () => {
  let server: FakeApiServer
  let candidates: Candidate[]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    candidates = []
  })

  afterEach(async () => {
    server.fault = () => undefined
    for (const { stop } of candidates) stop.abort()
    for (const { drained } of candidates) drained.resolve()
    await Promise.all(candidates.map(({ running }) => running))
    await server[Symbol.asyncDispose]()
  })

  interface Candidate {
    readonly clock: SteppedClock
    readonly election: LeaderElection
    readonly stop: AbortController
    readonly running: Promise<void>
    readonly told: boolean[]
    /** The reasons for which leading was to end. */
    readonly ends: unknown[]
    /** Leading ends once it is resolved, after it was told to. */
    readonly drained: PromiseWithResolvers<void>
  }

  /** A program with a clock of its own. */
  function candidate(
    identity: string,
    { clock = new SteppedClock(1_700_000_000_000), drains = false, api = server.api() } = {},
  ): Candidate {
    const told: boolean[] = []
    const ends: unknown[] = []
    const drained = Promise.withResolvers<void>()
    if (!drains) drained.resolve()
    const election = new LeaderElection({
      api,
      namespace: 'a',
      name: 'lead',
      identity,
      clock,
      log: silentLogger,
      random: () => 0,
      changed: leading => told.push(leading),
    })
    const stop = new AbortController()
    const running = election.run(stop.signal, async signal => {
      await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
      ends.push(signal.reason)
      await drained.promise
    })
    const made = { clock, election, stop, running, told, ends, drained }
    candidates.push(made)
    return made
  }

  const lease = () => server.find(leases, 'a/lead')?.spec

  const waits = ({ clock }: Candidate) => clock.sleeping === 1 && clock.slept.at(-1) === 2000
  const waited = ({ clock }: Candidate) => clock.slept.filter(ms => ms === 2000).length

  /** Moves the clock of a candidate that waits to its next try, until it waits again. */
  async function oneTry(one: Candidate): Promise<void> {
    await until('it waits', () => waits(one))
    const before = waited(one)
    await one.clock.advance(2000)
    await until('it waits again', () => waits(one) && waited(one) > before)
  }

  async function leads(one: Candidate): Promise<void> {
    await until('it leads and waits', () => one.election.leading && waits(one))
  }

  it("makes the Lease, with client-go's times, and leads", async () => {
    const one = candidate('one')
    await leads(one)
    assert.deepEqual(lease(), {
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      acquireTime: '2023-11-14T22:13:20.000000Z',
      renewTime: '2023-11-14T22:13:20.000000Z',
      leaseTransitions: 0,
    })
    assert.deepEqual(one.told, [false, true])
  })

  it('renews every 2 s', async () => {
    const one = candidate('one')
    await leads(one)
    await oneTry(one)
    assert.equal(lease()?.renewTime, '2023-11-14T22:13:22.000000Z')
    assert.equal(lease()?.acquireTime, '2023-11-14T22:13:20.000000Z')
    assert.equal(one.election.leading, true)
  })

  it('asks the API server for one thing at a renewal, not two', async () => {
    const one = candidate('one')
    await leads(one)
    const before = server.requests.length
    await oneTry(one)
    assert.deepEqual(
      server.requests.slice(before).map(({ method }) => method),
      ['PUT'],
    )
  })

  it('makes the Lease again when somebody deletes it', async () => {
    const one = candidate('one')
    await leads(one)
    server.remove(leases, 'a/lead')
    await oneTry(one)
    assert.equal(lease()?.holderIdentity, 'one')
    assert.equal(one.election.leading, true)
  })

  it("stands by while another one renews, whatever the other's clock says", async () => {
    const one = candidate('one', { clock: new SteppedClock(1_000) })
    await leads(one)
    const two = candidate('two')
    for (let time = 0; time < 20; time++) {
      await oneTry(one)
      await oneTry(two)
    }
    assert.equal(two.election.leading, false)
    assert.equal(lease()?.holderIdentity, 'one')
  })

  it('takes over once 15 s have passed since the last renewal that it saw, at once and not before', async () => {
    const one = candidate('one')
    await leads(one)
    const two = candidate('two')
    await until('it waits', () => waits(two))
    for (let time = 0; time < 6; time++) await oneTry(two)
    await two.clock.advance(2000)
    await until('it waits for no more than the rest', () => two.clock.slept.at(-1) === 1001)
    await two.clock.advance(1000)
    assert.equal(two.election.leading, false)
    await two.clock.advance(1)
    await leads(two)
    assert.equal(lease()?.holderIdentity, 'two')
    assert.equal(lease()?.leaseTransitions, 1)
  })

  it('stops leading, at once, when it could not renew for 10 s: before another one starts', async () => {
    const one = candidate('one')
    await leads(one)
    server.fault = () => ({ status: 500 })
    for (let time = 0; time < 3; time++) await oneTry(one)
    assert.equal(one.election.leading, true)
    await one.clock.advance(4000)
    await until('it leads no more', () => !one.election.leading)
    assert.ok(one.ends[0] instanceof StopNow)
    assert.deepEqual(one.told, [false, true, false])
  })

  it('stops leading when a try hangs past the 10 s', async () => {
    const one = candidate('one')
    await leads(one)
    server.fault = () => 'hang'
    await one.clock.advance(2000)
    await until('the try has its limit', () => one.clock.slept.at(-1) === 8000)
    await one.clock.advance(7999)
    assert.equal(one.election.leading, true)
    await one.clock.advance(1)
    await until('it leads no more', () => !one.election.leading)
  })

  it('counts a renewal from when it was sent, as the answer may be late', async () => {
    const api = server.api()
    const answered = Promise.withResolvers<void>()
    const late: typeof api.replace = async (...args) => {
      const lease = await api.replace(...args)
      await answered.promise
      return lease
    }
    const one = candidate('one', { api: { ...api, replace: late } })
    await leads(one)
    await one.clock.advance(2000)
    await until('it is renewed', () => lease()?.renewTime === '2023-11-14T22:13:22.000000Z')
    await one.clock.advance(6000)
    answered.resolve()
    await until('it has its answer', () => waits(one))
    server.fault = () => ({ status: 500 })
    await one.clock.advance(4000)
    await until('it leads no more, 10 s after it was sent', () => !one.election.leading)
  })

  it('leads again when it is its turn again', async () => {
    const one = candidate('one')
    await leads(one)
    server.fault = () => ({ status: 500 })
    for (let time = 0; time < 5; time++)
      await one.clock.advance(2000).then(() => until('it waits', () => one.clock.sleeping > 0))
    await until('it leads no more', () => !one.election.leading)
    server.fault = () => undefined
    await until('it waits', () => one.clock.sleeping > 0)
    await one.clock.advance(2000)
    await leads(one)
    assert.deepEqual(one.told, [false, true, false, true])
  })

  it('stops leading when another one has the Lease', async () => {
    const one = candidate('one')
    await leads(one)
    const taken = server.find(leases, 'a/lead')!
    server.put(leases, { ...taken, spec: { ...taken.spec, holderIdentity: 'two' } })
    await one.clock.advance(2000)
    await until('it leads no more', () => !one.election.leading)
    assert.equal(lease()?.holderIdentity, 'two')
  })

  it('keeps the Lease until its work has ended, then gives it back', async () => {
    const one = candidate('one', { drains: true })
    await leads(one)
    one.stop.abort(new Error('shutdown'))
    await until('it is told', () => one.ends.length === 1)
    assert.equal((one.ends[0] as Error).message, 'shutdown')
    await oneTry(one)
    assert.equal(lease()?.holderIdentity, 'one')
    assert.equal(lease()?.renewTime, '2023-11-14T22:13:22.000000Z')
    one.drained.resolve()
    await one.running
    assert.equal(lease()?.holderIdentity, '')
    const two = candidate('two')
    await leads(two)
  })

  it('lets one win when many start at once', async () => {
    const all = ['one', 'two', 'three', 'four'].map(identity => candidate(identity))
    await until('one leads', () => all.some(({ election }) => election.leading))
    await until('the others wait', () => all.every(waits))
    assert.equal(all.filter(({ election }) => election.leading).length, 1)
  })

  it('passes on what the work fails with, and gives the Lease back', async () => {
    const { election, clock } = { ...candidateThatFails() }
    await assert.rejects(election, /no good/)
    assert.equal(lease()?.holderIdentity, '')
    assert.equal(clock.sleeping, 0)
  })

  function candidateThatFails() {
    const clock = new SteppedClock(1000)
    const one = new LeaderElection({
      api: server.api(),
      namespace: 'a',
      name: 'lead',
      identity: 'one',
      clock,
      log: silentLogger,
    })
    const election = one.run(new AbortController().signal, async () => {
      throw new Error('no good')
    })
    return { clock, election }
  }

  it('refuses times with which two could lead', () => {
    const options = {
      api: server.api(),
      namespace: 'a',
      name: 'lead',
      identity: 'one',
      clock: new SteppedClock(),
      log: silentLogger,
    }
    const times = { leaseMs: 10_000, renewWithinMs: 10_000, retryMs: 2000 }
    assert.throws(() => new LeaderElection({ ...options, times }), RangeError)
  })
})
