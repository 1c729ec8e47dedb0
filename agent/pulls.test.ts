import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ReportedPull } from '../core/contract/agent-report.ts'
import { parseAgentReport } from '../core/contract/agent-report.ts'
import { aGoneLease, aLayer, aLease, aLook, anImage, aPull, digestOf, startMs } from './build.fake.ts'
import { noPulls, type PullsState, stepPulls } from './pulls.ts'
import type { RuntimeSnapshot } from './source.ts'

const step = (look: Partial<RuntimeSnapshot>, state: PullsState = noPulls) => stepPulls('node-a', state, aLook(look))
const record = { name: 'registry.example.com:5000/team/app:v1', updatedMs: startMs + 4_000 }

describe('stepPulls', () => {
  it('names a pull by repository and digest until a record names it', () => {
    const { active, state } = step({ leases: [aPull()] })
    assert.equal(active[0]?.imageRef, `registry.example.com/team/app@${digestOf('image')}`)
    const { ended } = step({ gone: [aGoneLease({ evidence: { records: [record] } })] }, state)
    assert.equal(ended[0]?.imageRef, record.name)
    assert.equal(ended[0]?.repository, 'registry.example.com:5000/team/app')
    assert.equal(ended[0]?.completedAt, '2026-11-21T10:00:04.000Z')
  })

  it('gives two leases of one image two ids', () => {
    const { active } = step({ leases: [aPull(), aPull({ leaseId: '2-abcd' })] })
    assert.equal(new Set(active.map(({ id }) => id)).size, 2)
  })

  for (const { name, layers, phase } of [
    { name: 'resolves without a manifest', layers: undefined, phase: 'resolving' },
    {
      name: 'downloads while a layer waits',
      layers: [aLayer(), aLayer({ digest: digestOf('b'), blobCreatedMs: startMs + 1 })],
      phase: 'downloading',
    },
    { name: 'unpacks when all is downloaded', layers: [aLayer({ blobCreatedMs: startMs + 1 })], phase: 'unpacking' },
    { name: 'unpacks when all was there', layers: [aLayer({ snapshotCreatedMs: startMs - 1 })], phase: 'unpacking' },
    { name: 'unpacks an image without layers', layers: [], phase: 'unpacking' },
    {
      name: 'is lazy when a snapshot comes without bytes',
      layers: [aLayer({ snapshotCreatedMs: startMs + 1 })],
      phase: 'lazy',
    },
  ]) {
    it(name, () => {
      const { active } = step({ leases: [aPull({ image: anImage({ layers }) })] })
      assert.equal(active[0]?.phase, phase)
      assert.equal(active[0]?.totalKnown, layers !== undefined)
    })
  }

  describe('an empty lease', () => {
    const maybe = aPull({ kind: 'maybe', image: undefined })
    it('is not shown at first', () => assert.deepEqual(step({ leases: [maybe], atMs: startMs + 999 }).active, []))

    it('is an unresolved pull after a second', () => {
      const [pull] = step({ leases: [maybe], atMs: startMs + 1_000 }).active
      assert.deepEqual([pull?.phase, pull?.imageRef, pull?.digest], ['resolving', '(unresolved)', undefined])
    })

    it('ends unknown when it was shown and goes empty', () => {
      const { state } = step({ leases: [maybe] })
      const { ended } = step({ gone: [aGoneLease({ image: undefined })] }, state)
      assert.deepEqual(
        ended.map(({ phase }) => phase),
        ['unknown'],
      )
    })

    it('ends in silence when it was never shown', () => {
      const { state } = step({ leases: [maybe], atMs: startMs + 10 })
      assert.deepEqual(step({ gone: [aGoneLease({ image: undefined })] }, state).ended, [])
    })

    it('ends as the image that was found under it', () => {
      const { state, active } = step({ leases: [maybe] })
      const found = {
        namespace: 'k8s.io',
        manifestCreatedAt: '',
        manifestCreatedMs: startMs + 3_000,
        image: anImage(),
        records: [record],
        lease: aLease(),
      }
      const { ended } = step({ gone: [aGoneLease({ image: undefined })], found: [found] }, state)
      assert.deepEqual(
        ended.map(({ id, phase, imageRef }) => [id, phase, imageRef]),
        [[active[0]!.id, 'completed', record.name]],
      )
    })
  })

  it('makes a pull of an image that no look saw', () => {
    const found = {
      namespace: 'k8s.io',
      manifestCreatedAt: '2026-11-21T10:00:00.5Z',
      manifestCreatedMs: startMs + 500,
      image: anImage(),
      records: [record],
      lease: undefined,
    }
    const { ended } = step({ found: [found] })
    assert.deepEqual(
      ended.map(({ phase, startedAt }) => [phase, startedAt]),
      [['completed', '2026-11-21T10:00:00.500Z']],
    )
  })

  it('says no tag when two pulls of one image end at once under two', () => {
    const leases = [aLease(), aLease({ leaseId: '2-abcd' })]
    const records = [record, { ...record, name: 'registry.example.com:5000/team/app:v2' }]
    const { state } = step({ leases: leases.map(lease => aPull(lease)) })
    const { ended } = step({ gone: leases.map(lease => aGoneLease({ ...lease, evidence: { records } })) }, state)
    const name = `registry.example.com/team/app@${digestOf('image')}`
    assert.deepEqual(
      ended.map(({ imageRef }) => imageRef),
      [name, name],
    )
  })

  it('keeps the last bytes of a pull that failed', () => {
    const { state } = step({ leases: [aPull({ image: anImage({ layers: [aLayer({ ingestOffset: 60 })] }) })] })
    const { ended } = step({ gone: [aGoneLease({ evidence: { contentComplete: false } })] }, state)
    assert.deepEqual([ended[0]?.phase, ended[0]?.layers[0]?.downloadedBytes], ['failed', 60])
  })

  it('keeps every law over any interleaving of looks', () => {
    fc.assert(fc.property(fc.array(history(), { minLength: 1, maxLength: 4 }), checkHistories), { numRuns: 300 })
  })
})

interface History {
  /** What a look sees of each of the two layers, in order; facts only get added, as the observer gives them. */
  readonly looks: readonly (readonly [number, number])[]
  readonly complete: boolean
  readonly recorded: boolean
}

/** 0..100 bytes in flight, 101 blob, 102 unpacking, 103 snapshot. */
const history = (): fc.Arbitrary<History> =>
  fc.record({
    looks: fc.array(fc.tuple(fc.integer({ min: 0, max: 103 }), fc.integer({ min: 0, max: 103 })), { maxLength: 8 }),
    complete: fc.boolean(),
    recorded: fc.boolean(),
  })

function layerAt(name: string, stages: readonly number[]) {
  const top = Math.max(0, ...stages)
  const now = stages.at(-1) ?? 0
  return aLayer({
    digest: digestOf(name),
    ingestOffset: top <= 100 ? now : undefined,
    blobCreatedMs: top > 100 ? startMs + 1 : undefined,
    extracting: top === 102,
    snapshotCreatedMs: top > 102 ? startMs + 2 : undefined,
  })
}

const isTerminal = ({ phase }: ReportedPull) => ['completed', 'failed', 'unknown'].includes(phase)

function checkHistories(histories: readonly History[]): void {
  const last = Math.max(...histories.map(({ looks }) => looks.length))
  const seen = new Map<string, ReportedPull[]>()
  let state = noPulls
  for (let index = 0; index <= last; index++) {
    const keyOf = (n: number) => aLease({ leaseId: `${n}-abcd` })
    const imageOf = ({ looks }: History) => {
      const past = looks.slice(0, index + 1)
      return anImage({
        layers: [
          layerAt(
            'a',
            past.map(([a]) => a),
          ),
          layerAt(
            'b',
            past.map(([, b]) => b),
          ),
        ],
      })
    }
    const leases = histories.flatMap((each, n) =>
      index < each.looks.length ? [aPull({ ...keyOf(n), image: imageOf(each) })] : [],
    )
    const gone = histories.flatMap((each, n) => {
      if (index !== each.looks.length || index === 0) return []
      const evidence = { contentComplete: each.complete, records: each.recorded ? [record] : [] }
      return [aGoneLease({ ...keyOf(n), image: imageOf(each), evidence })]
    })
    const next = step({ leases, gone }, state)
    state = next.state
    const pulls = [...next.active, ...next.ended]
    // What the agent makes, the contract takes.
    parseAgentReport({
      nodeName: 'node-a',
      timestamp: '2026-11-21T10:00:05Z',
      agent: { version: '1', epoch: 'epoch-123', seq: index },
      pulls,
    })
    for (const pull of pulls) seen.set(pull.id, [...(seen.get(pull.id) ?? []), pull])
  }
  const started = histories.filter(({ looks }) => looks.length > 0)
  assert.equal(seen.size, started.length, 'one lease, one pull')
  assert.equal(state.tracked.size, 0)
  for (const states of seen.values()) {
    assert.equal(states.filter(isTerminal).length, 1)
    assert.ok(isTerminal(states.at(-1)!))
    const totals = new Set(states.map(({ layers }) => layers.reduce((sum, { totalBytes }) => sum + totalBytes, 0)))
    assert.equal(totals.size, 1)
    for (const [index, pull] of states.entries()) {
      for (const [n, layer] of pull.layers.entries()) {
        const before = states[index - 1]?.layers[n]
        if (!before || before.restarts !== layer.restarts) continue
        assert.ok(layer.downloadedBytes >= before.downloadedBytes, 'bytes fall only with a restart')
      }
    }
  }
  assert.equal(
    [...seen.values()].filter(states => states.at(-1)!.phase === 'completed').length,
    started.filter(({ recorded }) => recorded).length,
  )
}
