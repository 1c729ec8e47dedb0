import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { podRef, pullState } from '../events/pull-state.fake.ts'
import { StalledPulls } from './stalled.ts'

describe('StalledPulls', () => {
  const clock = new FakeClock()
  let told: string[]
  let stalled: StalledPulls
  const pods = [podRef('shop', 'web-1'), { ...podRef('shop', 'maybe'), certain: false }]
  const stalls = pullState('p1', { pods, stalledSinceMs: Date.parse('2026-11-21T10:00:00Z'), percent: 41.7 })
  const progress = (pull: typeof stalls) => stalled.observe([{ type: 'pull.progress', pull }])
  const passes = (ms: number) => {
    clock.advance(ms)
    stalled.sweep()
  }

  beforeEach(() => {
    told = []
    stalled = new StalledPulls({
      recorder: {
        event: ({ metadata }, type, reason, note) =>
          told.push(`${type} ${reason} ${metadata?.name} ${metadata?.uid} ${note}`),
      },
      podUid: (_node, { podName }) => `uid-${podName}`,
      monotonic: () => clock.monotonic(),
    })
  })

  it('tells each pod for certain, once, after two minutes without a byte', () => {
    progress(stalls)
    passes(119_000)
    assert.deepEqual(told, [])
    progress({ ...stalls })
    passes(1000)
    const note =
      'The pull of registry.example.com/p1:v1 on node node-a is stalled at 41 %: no byte since 2026-11-21T10:00:00.000Z.'
    assert.deepEqual(told, [`Warning PullStalled web-1 uid-web-1 ${note}`])
    progress({ ...stalls, downloadedBytes: 1 })
    passes(300_000)
    assert.equal(told.length, 1)
  })

  for (const [name, next] of [
    ['bytes flow again', { ...stalls, stalledSinceMs: undefined }],
    ['the pull ends', { ...stalls, phase: 'failed' as const }],
    ['the node is silent', { ...stalls, stale: true }],
  ] as const) {
    it(`tells nothing when ${name} in time`, () => {
      progress(stalls)
      passes(60_000)
      progress(next)
      passes(300_000)
      assert.deepEqual(told, [])
    })
  }
})
