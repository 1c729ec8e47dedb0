import assert from 'node:assert/strict'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { pullState } from '../events/pull-state.fake.ts'
import { judged, type PullRules } from './pull-rules.ts'

/** Drops and marks by id; remembers what it was asked. */
class ScriptedRules implements PullRules {
  readonly asked: string[] = []
  readonly #dropped: readonly string[]
  readonly #marked: readonly string[]

  constructor({ drops = [], marks = [] }: { drops?: readonly string[]; marks?: readonly string[] }) {
    this.#dropped = drops
    this.#marked = marks
  }

  judge(pull: PullState) {
    this.asked.push(`${pull.id} ${pull.phase}`)
    return this.hasDropped(pull.id) ? 'dropped' : 'keep'
  }

  knows = (id: string) => this.#dropped.includes(id) || this.#marked.includes(id)
  hasDropped = (id: string) => this.#dropped.includes(id)
  marked = (pull: PullState) =>
    this.#marked.includes(pull.id)
      ? { ...pull, violations: [{ ruleId: 'r1', name: 'forbidden', action: 'fail' }] }
      : pull
}

const at = (phase: PullState['phase'], id = 'web', more: Partial<PullState> = {}) => pullState(id, { phase, ...more })
const change = (type: PullChange['type'], pull: PullState): PullChange => ({ type, pull })
const mapOf = (...pulls: PullState[]) => new Map(pulls.map(pull => [pull.id, pull]))

describe('judged', () => {
  for (const { name, before, step, asked } of [
    {
      name: 'asks when a pull begins',
      before: mapOf(),
      step: { changes: [change('pull.started', at('downloading'))], ended: [] },
      asked: ['web downloading'],
    },
    {
      name: 'does not ask while a phase goes on',
      before: mapOf(at('downloading')),
      step: { changes: [change('pull.progress', at('downloading'))], ended: [] },
      asked: [],
    },
    {
      name: 'asks at a change of phase',
      before: mapOf(at('downloading')),
      step: { changes: [change('pull.progress', at('unpacking'))], ended: [] },
      asked: ['web unpacking'],
    },
    {
      name: 'asks at the end, once for the record and the event',
      before: mapOf(at('downloading')),
      step: { changes: [change('pull.failed', at('failed'))], ended: [at('failed')] },
      asked: ['web failed'],
    },
    {
      name: 'asks once of a pull that was seen only when it was over',
      before: undefined,
      step: {
        changes: [change('pull.started', at('completed')), change('pull.completed', at('completed'))],
        ended: [at('completed')],
      },
      asked: ['web completed'],
    },
    {
      name: 'asks when the end goes to the history, though its event waits',
      before: mapOf(at('downloading')),
      step: { changes: [], ended: [at('failed')] },
      asked: ['web failed'],
    },
    {
      name: 'does not ask about a reason that comes after the end',
      before: mapOf(),
      step: { changes: [change('pull.progress', at('failed'))], ended: [] },
      asked: [],
    },
    {
      name: 'asks about a pull that goes on after an end nobody knew',
      before: mapOf(),
      step: { changes: [change('pull.progress', at('downloading'))], ended: [] },
      asked: ['web downloading'],
    },
    {
      name: 'asks about a queued pull when it begins, not when its pods change',
      before: mapOf(),
      step: {
        changes: [
          change('pull.started', at('queued', 'q-web', { source: 'kubelet' })),
          change('pull.progress', at('queued', 'q-api', { source: 'kubelet' })),
        ],
        ended: [],
      },
      asked: ['q-web queued'],
    },
  ]) {
    it(name, () => {
      const rules = new ScriptedRules({})
      assert.deepEqual(judged(rules, before, step), step)
      assert.deepEqual(rules.asked, asked)
    })
  }

  it('leaves the step itself as it is where no phase is new and no rule has matched', () => {
    const step = { changes: [change('pull.progress', at('downloading'))], ended: [] }
    assert.equal(judged(new ScriptedRules({ drops: ['other'] }), mapOf(at('downloading')), step), step)
    assert.equal(judged(undefined, undefined, step), step)
  })

  it('makes a drop of each change of what is dropped, and stores nothing of it', () => {
    const [web, api] = [at('completed'), at('completed', 'api')]
    const step = { changes: [change('pull.completed', web), change('pull.completed', api)], ended: [web, api] }
    const { changes, ended } = judged(new ScriptedRules({ drops: ['web'] }), mapOf(at('unpacking')), step)
    assert.deepEqual(ended, [api])
    assert.deepEqual(
      changes.map(({ type, pull, dropped }) => `${type} ${pull.id} ${dropped ?? ''}`),
      ['pull.progress web true', 'pull.progress web true', 'pull.completed api '],
    )
  })

  it('goes on to drop what was dropped, whatever is reported of it', () => {
    const step = { changes: [change('pull.progress', at('downloading'))], ended: [] }
    const { changes } = judged(new ScriptedRules({ drops: ['web'] }), mapOf(at('downloading')), step)
    assert.equal(changes[0]?.dropped, true)
  })

  it('marks what breaks a rule, in what is told and in what is stored', () => {
    const web = at('failed')
    const step = { changes: [change('pull.failed', web)], ended: [web] }
    const { changes, ended } = judged(new ScriptedRules({ marks: ['web'] }), mapOf(), step)
    const violations = [{ ruleId: 'r1', name: 'forbidden', action: 'fail' }]
    assert.deepEqual([changes[0]?.pull.violations, ended[0]?.violations], [violations, violations])
  })
})
