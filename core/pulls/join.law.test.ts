import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ReportedPull } from '../contract/agent-report.ts'
import { unresolvedImage } from '../contract/words.ts'
import { at, digestOf, reported } from './build.fake.ts'
import { JoinedNode } from './joined-node.fake.ts'
import { second, waitingPod } from './waiting.fake.ts'
import { attemptOf, factOf, type KubeletFact, type WaitingContainer } from './waiting.ts'

/** Few of each, so that they meet: two tags of one repository, and another image. */
const images = ['r.example.com/team/app:v1', 'r.example.com/team/app:v2', 'r.example.com/other:v1']
const repositories = ['r.example.com/team/app', 'r.example.com/other']

type Step =
  | { readonly do: 'pulling' | 'pulled' | 'failed' | 'backOff' | 'ready' | 'delete'; readonly pod: number }
  | { readonly do: 'pull' | 'complete' | 'fail' | 'lose' | 'name'; readonly pull: number; readonly repository: number }
  | { readonly do: 'wait'; readonly seconds: number }

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constantFrom('pulling', 'pulled', 'failed', 'backOff', 'ready', 'delete'),
      pod: fc.nat(3),
    }),
    fc.record({
      do: fc.constantFrom('pull', 'complete', 'fail', 'lose', 'name'),
      pull: fc.nat(3),
      repository: fc.nat(2),
    }),
    fc.record({ do: fc.constant('wait'), seconds: fc.constantFrom(0.3, 1, 3, 11) }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 40 },
)

const texts = {
  pulling: ['Pulling', ''],
  pulled: ['Pulled', 'Successfully pulled image "x" in 1s (2s including waiting).'],
  failed: ['Failed', 'Failed to pull image "x": rpc error: code = NotFound desc = x: not found'],
  backOff: ['BackOff', 'Back-off pulling image "x"'],
} as const

/** A node on which kubelet and runtime do anything in any order; the reader in `JoinedNode` checks each event. */
class World {
  readonly node = new JoinedNode()
  readonly #facts: KubeletFact[][] = [[], [], [], []]
  readonly #gone = new Set<number>()
  readonly #ready = new Set<number>()
  readonly #live = new Map<number, ReportedPull>()
  #seconds = 1
  #pulls = 0

  run(step: Step): void {
    this.#seconds += 0.1
    this.node.at(this.#seconds)
    if (step.do === 'wait') this.#wait(step.seconds)
    else if ('pod' in step) this.#pod(step.do, step.pod)
    else this.#pull(step.do, step.pull, step.repository)
  }

  /** All is over: nothing pulls, all pods are gone, and every wait has passed. */
  finish(): void {
    for (let pod = 0; pod < 4; pod++) this.#gone.add(pod)
    this.#wait(1).pods(...this.#containers())
    const ends = [...this.#live.values()].map(pull => this.#ended(pull, 'failed'))
    this.node.report(ends)
    this.#wait(30).pods()
    this.#wait(700)
  }

  #wait(seconds: number): JoinedNode {
    this.#seconds += seconds
    return this.node.at(this.#seconds)
  }

  #pod(what: Extract<Step, { readonly pod: number }>['do'], pod: number): void {
    if (what === 'delete') this.#gone.add(pod)
    else if (what === 'ready') this.#ready.add(pod)
    else {
      const attempt = attemptOf(this.#containers()[pod]!.facts)
      // The kubelet tries again after ten seconds of back-off, and says nothing of a try that it has not begun.
      const began = attempt?.startedAtMs ?? -Infinity
      if (what === 'pulling' && second(this.#seconds) < Math.max(began, attempt?.endedAtMs ?? 0) + 10_000) return
      if (what !== 'pulling' && attempt === undefined) return
      this.#ready.delete(pod)
      const [reason, message] = texts[what]
      this.#facts[pod]!.push(factOf(reason, message, second(this.#seconds))!)
    }
    this.node.pods(...this.#containers())
  }

  #pull(what: 'pull' | 'complete' | 'fail' | 'lose' | 'name', index: number, repository: number): void {
    const live = this.#live.get(index)
    const ends: ReportedPull[] = []
    if (what === 'pull' && live === undefined) this.#live.set(index, this.#begin(repository))
    else if (live !== undefined && what === 'name') {
      this.#live.set(index, { ...live, ...nameOf(repository % 2), phase: 'downloading' })
    } else if (live !== undefined && what !== 'pull') {
      this.#live.delete(index)
      const phase = what === 'complete' ? 'completed' : what === 'fail' ? 'failed' : 'unknown'
      ends.push(this.#ended(live, phase))
    }
    this.node.report([...this.#live.values(), ...ends])
  }

  #begin(repository: number): ReportedPull {
    const name = `p${'abcdefghijklmnopqrstuvwxyz'[this.#pulls % 26]}${'abcdef'[Math.floor(this.#pulls++ / 26)]}`
    const startedAt = at(this.#seconds)
    if (repository < 2) return reported(name, { ...nameOf(repository), startedAt })
    return reported(name, { imageRef: unresolvedImage, phase: 'resolving', layers: [], totalKnown: false, startedAt })
  }

  #ended(pull: ReportedPull, phase: 'completed' | 'failed' | 'unknown'): ReportedPull {
    return { ...pull, phase, completedAt: at(this.#seconds) }
  }

  #containers(): WaitingContainer[] {
    return this.#facts.map((facts, pod) =>
      waitingPod(`pod-${pod}`, images[pod % 3]!, facts, {
        waiting: !this.#ready.has(pod) && !this.#gone.has(pod),
        deleted: this.#gone.has(pod),
      }),
    )
  }
}

function nameOf(repository: number): Pick<ReportedPull, 'imageRef' | 'repository' | 'digest'> {
  const digest = digestOf(`d${repository}`)
  return { imageRef: `${repositories[repository]}@${digest}`, repository: repositories[repository]!, digest }
}

describe('joinPods, whatever kubelet and runtime do', function () {
  this.timeout(60_000)
  const numRuns = process.env['SOAK'] ? 20_000 : 1500

  it('gives every start one end, tells nothing after it, and stores what it tells first', () => {
    fc.assert(
      fc.property(steps, all => {
        const world = new World()
        for (const step of all) world.run(step)
        world.finish()
        assert.deepEqual([...world.node.view.values()], [])
        assert.equal(world.node.open, 0)
        assert.equal(world.node.kubelet.queued.size, 0)
        assert.equal(world.node.kubelet.told.size, 0)
      }),
      { numRuns },
    )
  })

  it('is certain of one pull for a container at most, unless it had been of an earlier one', () => {
    fc.assert(
      fc.property(steps, all => {
        const world = new World()
        for (const step of all) {
          const before = new Map(world.node.view)
          world.run(step)
          const fresh = new Map<string, string>()
          for (const pull of world.node.view.values()) {
            for (const pod of pull.pods) {
              const old = before.get(pull.id)?.pods.some(({ podName, certain }) => podName === pod.podName && certain)
              if (!pod.certain || old || pull.source === 'kubelet') continue
              assert.equal(fresh.get(pod.podName), undefined, `${pod.podName} is on two pulls`)
              fresh.set(pod.podName, pull.id)
            }
          }
        }
      }),
      { numRuns },
    )
  })

  it('comes to rest: once what has just ended is out of the way, joining again changes nothing', () => {
    fc.assert(
      fc.property(steps, all => {
        const world = new World()
        for (const step of all) world.run(step)
        const { node } = world
        node.pods(...node.containers)
        const { length } = node.log
        const stored = node.history.size
        node.pods(...node.containers)
        node.pods(...node.containers)
        assert.equal(node.log.length, length)
        assert.equal(node.history.size, stored)
      }),
      { numRuns },
    )
  })
})
