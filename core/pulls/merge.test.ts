import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { AgentReport, ReportedPull } from '../contract/agent-report.ts'
import { at, context, epochMs, layer, pullId, report, reported } from './build.fake.ts'
import { type Merged, merge } from './merge.ts'
import type { NodeState } from './node.ts'
import { pullOf } from './pull.ts'

/** Merges one report after the other, as a server whose history keeps every end. */
function mergeAll(reports: readonly Parameters<typeof merge>[1][]) {
  let state: NodeState | undefined
  const all: Merged[] = []
  const ends = new Map<string, 'completed' | 'failed' | 'unknown'>()
  const unknowns = new Map()
  for (const next of reports) {
    const merged = merge(state, next, context({ ends, unknowns }))
    for (const pull of merged.ended) {
      ends.set(pull.id, pull.phase as 'completed')
      if (pull.phase === 'unknown') unknowns.set(pull.id, pull)
      else unknowns.delete(pull.id)
    }
    state = merged.state
    all.push(merged)
  }
  return { state: state!, all, changes: all.flatMap(merged => merged.changes) }
}

const typesOf = (merged: { readonly changes: Merged['changes'] }) => merged.changes.map(change => change.type)

describe('merge', () => {
  it('starts a pull at first sight and keeps two images on one node apart', () => {
    const { state, changes } = mergeAll([report(1, [reported('web'), reported('api')])])
    assert.deepEqual(typesOf({ changes }), ['pull.started', 'pull.started'])
    assert.equal(state.pulls.size, 2)
  })

  it('says progress only when something changed', () => {
    const moved = reported('web', { layers: [layer('web-1', 500), layer('web-2', 0)] })
    const { all } = mergeAll([report(1, [reported('web')]), report(2, [moved]), report(3, [moved]), report(4, [moved])])
    assert.deepEqual(typesOf(all[1]!), ['pull.progress'])
    // The rate still falls as its window moves; the bytes do not.
    assert.equal(all[3]!.changes[0]?.pull.downloadedBytes ?? 500, 500)
  })

  it('counts what was fetched since the last look, and nothing of what a new pull brings along', () => {
    const look = (bytes: number, more = {}) => reported('web', { layers: [layer('web-1', bytes)], ...more })
    const reports = [look(300), look(500), look(500), look(100), look(200), look(1000, { phase: 'completed' })]
    const { all } = mergeAll(reports.map((pull, index) => report(index + 1, [pull])))
    assert.deepEqual(
      all.map(({ fetchedBytes }) => fetchedBytes),
      [0, 200, 0, 0, 100, 800],
    )
  })

  it('ends a pull once and forgets it', () => {
    const done = reported('web', { phase: 'completed' })
    const { all, state } = mergeAll([report(1, [reported('web')]), report(2, [done]), report(3, [done])])
    assert.deepEqual(typesOf(all[1]!), ['pull.completed'])
    assert.deepEqual(typesOf(all[2]!), [])
    assert.equal(state.pulls.size, 0)
  })

  it('sends a start and an end for a pull that was over when it was first seen', () => {
    const { changes } = mergeAll([report(1, [reported('web', { phase: 'completed' })])])
    assert.deepEqual(typesOf({ changes }), ['pull.started', 'pull.completed'])
  })

  it('shows a completed pull as whole even when the agent has no layers left to show', () => {
    const half = reported('web', { layers: [layer('web-1', 1000, 1000, { state: 'cached' }), layer('web-2', 200)] })
    const { changes } = mergeAll([report(1, [half]), report(2, [reported('web', { phase: 'completed', layers: [] })])])
    const end = pullOf(changes.at(-1)!.pull)
    assert.deepEqual(
      [end.percent, end.downloadedBytes, end.cachedBytes, end.unpackedBytes, end.layersDone],
      [100, 2000, 1000, 2000, 2],
    )
  })

  it('leaves a failed pull at the bytes it had', () => {
    const half = reported('web', { layers: [layer('web-1', 1000), layer('web-2', 200)] })
    const failed = reported('web', {
      ...half,
      phase: 'failed',
      completedAt: at(9),
      error: { code: 'Unknown', message: 'gone' },
    })
    const { changes } = mergeAll([report(1, [half]), report(2, [failed])])
    const end = pullOf(changes.at(-1)!.pull)
    assert.deepEqual([changes.at(-1)!.type, end.phase, end.percent, end.error], ['pull.failed', 'failed', 60, 'gone'])
  })

  it('asks for a pull that is missing, and gives it up as unknown after three unanswered reports', () => {
    const { all } = mergeAll([report(1, [reported('web')]), report(2, []), report(3, []), report(4, []), report(5, [])])
    assert.deepEqual(
      all.map(merged => merged.awaiting.length),
      [0, 1, 1, 1, 0],
    )
    assert.deepEqual(typesOf(all[4]!), ['pull.failed'])
    assert.equal(all[4]!.changes[0]!.pull.phase, 'unknown')
  })

  it('reopens a pull that had ended unknown, with the percent it had', () => {
    const half = reported('web', { layers: [layer('web-1', 1000), layer('web-2', 0)] })
    const lost = [report(2, []), report(3, []), report(4, []), report(5, [])]
    const { all, state } = mergeAll([report(1, [half]), ...lost, report(6, [reported('web')])])
    assert.deepEqual(typesOf(all.at(-1)!), ['pull.progress'])
    const pull = state.pulls.get(pullId('web'))!
    assert.equal(pull.percent, 50)
    assert.deepEqual([pull.error, pull.errorCode, pull.completedAtMs], [undefined, undefined, undefined])
    assert.deepEqual(pull.phaseStartedAtMs, { downloading: epochMs + 2000 })
  })

  it('corrects an unknown end by the true one', () => {
    const lost = [report(2, []), report(3, []), report(4, []), report(5, [])]
    const done = reported('web', { phase: 'completed', layers: [] })
    const { all } = mergeAll([report(1, [reported('web')]), ...lost, report(6, [done])])
    assert.deepEqual(typesOf(all.at(-1)!), ['pull.completed'])
    assert.equal(all.at(-1)!.ended.length, 1)
  })

  it('holds ends back while the history cannot be written, and goes on with the rest', () => {
    const first = mergeAll([report(1, [reported('web'), reported('api')])]).state
    const done = report(2, [
      reported('web', { phase: 'completed' }),
      reported('api', { layers: [layer('api-1', 700), layer('api-2', 0)] }),
    ])
    const held = merge(first, done, context({ holdEnds: true }))
    assert.deepEqual(typesOf(held), ['pull.progress'])
    assert.equal(held.fetchedBytes, 700)
    assert.deepEqual([held.state.pulls.size, held.ended.length, held.awaiting.length], [2, 0, 0])
  })

  for (const { name, reports, accepted } of [
    { name: 'refuses a lower seq of the same epoch', reports: [report(5, []), report(4, [])], accepted: false },
    { name: 'refuses the same seq again', reports: [report(5, []), report(5, [])], accepted: false },
    { name: 'takes an epoch it does not know', reports: [report(5, []), ofEpoch('epoch-two', 1)], accepted: true },
    {
      name: 'refuses an epoch that was superseded',
      reports: [report(5, []), ofEpoch('epoch-two', 1), report(6, [])],
      accepted: false,
    },
    {
      name: 'takes a later v1 report after one with an epoch',
      reports: [report(1, []), { nodeName: 'node-a', timestamp: at(90), pulls: [] }],
      accepted: true,
    },
    {
      name: 'refuses an earlier v1 report',
      reports: [report(9, []), { nodeName: 'node-a', timestamp: at(1), pulls: [] }],
      accepted: false,
    },
  ]) {
    it(name, () => assert.equal(mergeAll(reports).all.at(-1)!.accepted, accepted))
  }

  it('remembers the last eight superseded epochs', () => {
    const epochs = Array.from({ length: 10 }, (_, index) => ofEpoch(`epoch-${index}0000`, 1))
    const { state } = mergeAll(epochs)
    assert.equal(state.order.superseded.length, 8)
    assert.equal(merge(state, ofEpoch('epoch-10000', 9), context()).accepted, false)
    assert.equal(merge(state, ofEpoch('epoch-00000', 9), context()).accepted, true)
  })

  it('holds its laws for any history of any pulls', () => {
    fc.assert(
      fc.property(fc.array(anyReport, { minLength: 1, maxLength: 25 }), reports => {
        const numbered = reports.map((pulls, index) => report(index + 1, pulls))
        const { all, state } = mergeAll(numbered)
        assertLaws(all)
        const again = merge(state, numbered.at(-1)!, context())
        assert.deepEqual([again.accepted, again.state], [false, state])
      }),
      { numRuns: 300 },
    )
  })
})

function ofEpoch(epoch: string, seq: number): AgentReport {
  return report(seq, [], { agent: { version: '0.1.0', epoch, seq } })
}

/** Layers that jump about, vanish and come back: more than any runtime would do. */
const anyReport = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('web', 'api', 'db'),
      phase: fc.constantFrom('resolving', 'downloading', 'unpacking', 'completed', 'failed', 'unknown') as fc.Arbitrary<
        ReportedPull['phase']
      >,
      bytes: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 3 }),
      totalKnown: fc.boolean(),
    }),
    { selector: pull => pull.name, maxLength: 3 },
  )
  .map(pulls =>
    pulls.map(({ name, phase, bytes, totalKnown }) =>
      reported(name, {
        phase,
        totalKnown,
        layers: bytes.map((downloaded, index) => layer(`${name}-${index}`, downloaded)),
      }),
    ),
  )

function assertLaws(all: readonly Merged[]): void {
  const percents = new Map<string, number>()
  const started = new Set<string>()
  const ended = new Map<string, string>()
  for (const { type, pull } of all.flatMap(merged => merged.changes)) {
    if (type === 'pull.started') {
      assert.ok(!started.has(pull.id), 'one start a pull')
      started.add(pull.id)
    }
    assert.ok(started.has(pull.id), 'a start before all else')
    const end = ended.get(pull.id)
    assert.ok(end === undefined || end === 'unknown', 'nothing after a true end')
    if (type === 'pull.completed' || type === 'pull.failed') ended.set(pull.id, pull.phase)
    else ended.delete(pull.id)
    if (type === 'pull.completed') assert.equal(pull.phase, 'completed')
    if (type === 'pull.failed') assert.match(pull.phase, /^(failed|unknown)$/)
    if (type === 'pull.progress') assert.doesNotMatch(pull.phase, /^(completed|failed|unknown)$/)
    const percent = pull.percent ?? 0
    assert.ok(percent >= (percents.get(pull.id) ?? 0), 'percent never falls')
    assert.ok(percent <= 100)
    percents.set(pull.id, percent)
    assert.ok(pull.downloadedBytes >= pull.cachedBytes)
  }
}
