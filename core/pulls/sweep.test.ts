import assert from 'node:assert/strict'
import { context, epochMs, report, reported } from './build.fake.ts'
import { merge } from './merge.ts'
import { pullOf } from './pull.ts'
import { giveUpAfterMs, sweep } from './sweep.ts'

const node = merge(undefined, report(1, [reported('web')]), context()).state
const idle = merge(undefined, report(1, []), context()).state

describe('sweep', () => {
  for (const { name, state, afterMs, changes } of [
    { name: 'leaves a node alone that reported in time', state: node, afterMs: 14_999, changes: undefined },
    {
      name: 'makes a node stale 15 s after a report at a short interval',
      state: node,
      afterMs: 15_000,
      changes: ['pull.progress'],
    },
    { name: 'waits three idle intervals for an idle node', state: idle, afterMs: 89_999, changes: undefined },
    { name: 'makes an idle node stale without an event', state: idle, afterMs: 90_000, changes: [] },
    { name: 'gives pulls up after ten minutes', state: node, afterMs: giveUpAfterMs, changes: ['pull.failed'] },
  ]) {
    it(name, () => {
      const swept = sweep(state, afterMs)
      assert.deepEqual(
        swept?.changes.map(change => change.type),
        changes,
      )
    })
  }

  it('says so once', () => {
    const stale = sweep(node, 20_000)!.state
    assert.equal(sweep(stale, 21_000), undefined)
  })

  it('marks the pulls stale, without a rate that nobody measures', () => {
    const pull = sweep(node, 20_000)!.changes[0]!.pull
    assert.deepEqual([pull.stale, pull.bytesPerSec, pullOf(pull).etaSeconds], [true, undefined, undefined])
  })

  it('ends a pull that was given up as unknown, by the clock of its node', () => {
    const { ended } = sweep({ ...node, clockSkewMs: 7000 }, giveUpAfterMs)!
    assert.deepEqual([ended[0]!.phase, ended[0]!.completedAtMs], ['unknown', epochMs + giveUpAfterMs + 7000])
  })

  it('is undone by the next report', () => {
    const stale = sweep(node, 20_000)!.state
    const merged = merge(stale, report(2, [reported('web')]), context())
    assert.deepEqual(
      merged.changes.map(({ type, pull }) => [type, pull.stale]),
      [['pull.progress', false]],
    )
  })
})
