import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { pullState } from '../events/pull-state.fake.ts'
import { type FakeRule, FakeSensor } from './pull-sensor.fake.ts'
import { RulesOnPulls } from './rules-on-pulls.ts'
import { Verdicts } from './verdicts.ts'

const at = (phase: PullState['phase'], more: Partial<PullState> = {}) => pullState('web', { phase, ...more })
const rule = (ruleId: string, action: FakeRule['action'], when: FakeRule['when'] = () => true): FakeRule => ({
  ruleId,
  action,
  when,
})

describe('RulesOnPulls', () => {
  let sensor: FakeSensor
  let counted: string[]
  let recorded: number
  let rules: RulesOnPulls
  const clock = new FakeClock()

  beforeEach(() => {
    sensor = new FakeSensor(3)
    counted = []
    recorded = 0
    rules = new RulesOnPulls({
      matched: action => counted.push(`matched ${action}`),
      dropped: ruleId => counted.push(`dropped ${ruleId}`),
      recorded: () => void recorded++,
      clock,
      log: silentLogger,
    })
    rules.use(sensor)
  })

  it('reports what a rule observes once for each pull and version, however many phases it matches in', async () => {
    sensor.rules = [rule('r1', 'observe')]
    for (const phase of ['resolving', 'downloading', 'completed'] as const) {
      assert.equal(rules.judge(at(phase)), 'keep')
    }
    rules.judge(pullState('api'))
    sensor.rules = [{ ...rule('r1', 'observe'), version: 2 }]
    rules.judge(at('completed'))
    await sensor.flush()
    assert.deepEqual(sensor.sent, ['r1 web', 'r1 api', 'r1 web'])
    assert.deepEqual(counted, ['matched observe', 'matched observe', 'matched observe'])
    assert.equal(rules.knows('web'), false)
  })

  it('marks what breaks a rule, each rule once, and keeps it', () => {
    sensor.rules = [rule('r1', 'fail', ({ phase }) => phase === 'downloading')]
    assert.equal(rules.judge(at('downloading')), 'keep')
    sensor.rules = [rule('r1', 'fail', ({ phase }) => phase === 'unpacking'), rule('r2', 'fail')]
    rules.judge(at('unpacking'))
    rules.judge(at('completed'))
    assert.deepEqual(rules.marked(at('completed')).violations, [
      { ruleId: 'r1', name: 'r1', action: 'fail' },
      { ruleId: 'r2', name: 'r2', action: 'fail' },
    ])
    assert.equal(rules.marked(pullState('api')).violations, undefined)
  })

  it('keeps what an earlier server had marked', () => {
    sensor.rules = [rule('r2', 'fail')]
    const earlier = [{ ruleId: 'r1', name: 'r1', action: 'fail' }]
    const pull = at('downloading', { violations: earlier })
    rules.judge(pull)
    assert.deepEqual(
      rules.marked(pull).violations?.map(({ ruleId }) => ruleId),
      ['r1', 'r2'],
    )
  })

  it('drops a pull from the first match on, also when the rule has gone, and counts it once', () => {
    sensor.rules = [rule('r1', 'drop')]
    assert.equal(rules.judge(at('downloading')), 'dropped')
    sensor.rules = []
    sensor.state = 'ERROR'
    assert.equal(rules.judge(at('completed')), 'dropped')
    assert.equal(rules.hasDropped('web'), true)
    assert.deepEqual(counted, ['matched drop', 'dropped r1'])
    assert.equal(rules.judge(pullState('api')), 'keep')
  })

  it('makes no record and asks nothing while no rules are in force', () => {
    rules.judge(at('downloading'))
    sensor.rules = [rule('r1', 'drop')]
    sensor.state = 'ERROR'
    assert.equal(rules.judge(at('downloading')), 'keep')
    assert.equal(sensor.checked, 0)
  })

  it('lets pulls go on when a check fails, and counts that', () => {
    sensor.rules = [rule('r1', 'drop')]
    sensor.broken = new Error('a bug')
    assert.equal(rules.judge(at('downloading')), 'keep')
    assert.deepEqual(rules.counts(), { checks: 1, failures: 1, verdicts: 0 })
  })

  it('does what rules say though their events find no room, and tries to report those again', async () => {
    sensor.rules = [rule('r1', 'observe')]
    for (const name of ['a', 'b', 'c']) rules.judge(pullState(name))
    sensor.rules = [rule('r1', 'observe'), rule('r2', 'fail')]
    rules.judge(at('downloading'))
    assert.equal(rules.marked(at('downloading')).violations?.length, 1)
    assert.equal(recorded, 4)
    await sensor.flush()
    rules.judge(at('completed'))
    await sensor.flush()
    assert.deepEqual(sensor.sent.slice(3), ['r1 web', 'r2 web'])
  })
})

describe('Verdicts', () => {
  it('forgets what nobody has asked for longest', () => {
    const verdicts = new Verdicts(2)
    const verdict = { reported: [], violations: undefined, droppedBy: 'r1' }
    verdicts.set('a', verdict)
    verdicts.set('b', verdict)
    assert.equal(verdicts.get('a'), verdict)
    verdicts.set('c', verdict)
    assert.deepEqual([verdicts.get('a'), verdicts.get('b'), verdicts.size], [verdict, undefined, 2])
  })
})
