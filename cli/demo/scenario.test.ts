import assert from 'node:assert/strict'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import type { DemoPull } from './pull.ts'
import { DemoRuntime } from './runtime.ts'
import { playScenario } from './scenario.ts'

/** Plays the scenario and looks at it once a second. */
function play(seconds: number, look: (runtime: DemoRuntime, second: number) => void): DemoPull[] {
  const clock = new FakeClock(1_800_000_000_000)
  const runtime = new DemoRuntime({ clock, seed: 1 })
  const pulls = new Set<DemoPull>()
  playScenario(runtime)
  for (let second = 1; second <= seconds; second++) {
    for (let part = 0; part < 10; part++) {
      clock.advance(100)
      runtime.advance()
      for (const pull of runtime.pulls) pulls.add(pull)
    }
    look(runtime, second)
  }
  return [...pulls]
}

describe('playScenario', () => {
  it('starts its first pull within a second', () => {
    assert.equal(play(1, () => {}).length, 1)
  })

  it('has something move in every second', () => {
    let before = ''
    play(400, (runtime, second) => {
      const { ingests, snapshots, leases, images } = runtime.namespace('k8s.io')
      const offsets = [...ingests.values()].map(({ ref, offset }) => `${ref} ${offset}`)
      const now = [...offsets, ...snapshots.keys(), ...leases.keys(), ...images.keys()].join('\n')
      assert.notEqual(now, before, `nothing moved in second ${second}`)
      before = now
    })
  })

  it('shows in each round one pull that fails, one that stalls for 15 s, and all else completing', () => {
    let stallSeconds = 0
    const longest: number[] = []
    const offsets = new Map<string, number>()
    const pulls = play(240, (runtime, second) => {
      const reports = runtime.pulls.find(pull => pull.image.repository === 'acme/reports')
      const refs = [...(reports?.lease.resources.values() ?? [])].filter(({ type }) => type === 'ingests')
      const sum = refs.reduce((bytes, { id }) => bytes + runtime.namespace('k8s.io').ingests.get(id)!.offset, 0)
      stallSeconds = sum > 0 && offsets.get('sum') === sum ? stallSeconds + 1 : 0
      offsets.set('sum', sum)
      longest[second > 118 ? 1 : 0] = Math.max(longest[second > 118 ? 1 : 0] ?? 0, stallSeconds)
    })
    const ended = pulls.filter(pull => pull.outcome)
    const failed = ended.filter(pull => pull.outcome !== 'completed')
    assert.deepEqual(
      failed.map(({ image, outcome }) => [image.ref, outcome]),
      [
        ['hub.example.org/acme/reports:1.9.3', 'failed'],
        ['hub.example.org/acme/reports:1.9.4', 'failed'],
      ],
    )
    assert.deepEqual(
      longest.map(seconds => seconds >= 14 && seconds <= 15),
      [true, true],
    )
    assert.ok(ended.length >= 18, `${ended.length} pulls ended in two rounds`)
  })

  it('holds no more after an hour than after its first rounds', () => {
    let early = 0
    let late = 0
    play(3_600, (runtime, second) => {
      const { blobs, ingests, snapshots, images, leases } = runtime.namespace('k8s.io')
      const held = blobs.size + ingests.size + snapshots.size + images.size + leases.size + runtime.pulls.length
      if (second <= 360) early = Math.max(early, held)
      else late = Math.max(late, held)
    })
    assert.ok(late <= early, `${late} things held, first ${early}`)
  })
})
