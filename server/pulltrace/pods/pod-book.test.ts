import assert from 'node:assert/strict'
import type { V1Pod } from '../../../core/kube/objects.ts'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { attemptOf, factOf } from '../../../core/pulls/waiting.ts'
import type { KubeletEvent } from './kubelet-event.ts'
import { PodBook } from './pod-book.ts'
import { seenPodOf, type WatchedContainer, type WatchedPod, watchedPodOf } from './watched-pod.ts'

const startMs = Date.parse('2026-11-21T10:00:00Z')
const main: WatchedContainer = {
  name: 'main',
  image: 'r.example.com/app:v1',
  present: false,
  runsSinceMs: undefined,
  pullError: undefined,
}
const pod = (container: Partial<WatchedContainer> = {}, more: Partial<WatchedPod> = {}): WatchedPod => ({
  uid: 'u1',
  namespace: 'shop',
  name: 'web',
  nodeName: 'node-a',
  workload: undefined,
  phase: 'Pending',
  containers: [{ ...main, ...container }],
  ...more,
})
const event = (reason: string, seconds: number, message = '', more: Partial<KubeletEvent> = {}): KubeletEvent => ({
  podUid: 'u1',
  namespace: 'shop',
  podName: 'web',
  container: 'main',
  nodeName: 'node-a',
  fact: factOf(reason, message, startMs + seconds * 1000)!,
  ...more,
})
const failed = (seconds: number) => event('Failed', seconds, 'Failed to pull image "x": not found')

describe('PodBook', () => {
  let clock: FakeClock
  let book: PodBook
  let changed: string[]
  beforeEach(() => {
    clock = new FakeClock(startMs)
    changed = []
    book = new PodBook({
      monotonic: () => clock.monotonic(),
      everyNamespace: true,
      changed: node => changed.push(node),
    })
  })
  const container = (node = 'node-a') => book.waits(node).containers[0]
  const status = () => attemptOf(container()?.facts ?? {})?.status

  it('keeps events that come before their pod', () => {
    assert.equal(book.event(event('Pulling', 0)), false)
    book.set(pod())
    assert.equal(status(), 'outstanding')
    assert.deepEqual(changed, ['node-a'])
  })

  it('gives the same waits until something changes', () => {
    book.set(pod())
    const before = book.waits('node-a')
    assert.equal(book.waits('node-a'), before)
    book.event(event('Pulling', 0))
    assert.notEqual(book.waits('node-a'), before)
    const { length } = changed
    book.event(event('Pulling', 0))
    assert.equal(changed.length, length, 'what is known changes nothing')
  })

  it('holds no container whose image is there, unless its kubelet pulls again', () => {
    const runs = { present: true, runsSinceMs: startMs - 60_000 }
    book.seen(pod(runs, { phase: 'Running' }))
    assert.equal(container(), undefined)
    book.event(event('Pulling', 5))
    assert.equal(container()?.waiting, true)
    book.seen(pod({ present: true, runsSinceMs: startMs + 9000 }, { phase: 'Running' }))
    assert.equal(container()?.waiting, false, 'it runs again')
  })

  it('asks what became of a pod that leaves the watch while it pulls, and again while that stays unknown', () => {
    book.set(pod())
    assert.equal(book.left('u1'), false, 'nothing was under way')
    book.set(pod())
    book.event(event('Pulling', 0))
    assert.equal(book.left('u1'), true)
    clock.advance(30_000)
    assert.deepEqual(
      book.sweep().map(({ name }) => name),
      ['web'],
    )
    assert.deepEqual(book.sweep(), [])
    book.deleted('u1')
    assert.deepEqual([container()?.deleted, container()?.waiting], [true, false])
    clock.advance(30_000)
    assert.deepEqual(book.sweep(), [])
    assert.equal(container(), undefined)
    assert.equal(book.counts().pods, 0)
  })

  it('forgets a pod that runs although nobody has said that its image is there', () => {
    book.set(pod())
    book.event(event('Pulling', 0))
    assert.equal(book.left('u1'), true)
    book.seen(pod({ present: true, runsSinceMs: startMs + 5000 }, { phase: 'Running' }))
    clock.advance(30_000)
    assert.deepEqual(book.sweep(), [])
    assert.equal(book.counts().pods, 0)
  })

  it('does not look at a running pod for ever because of a word that no kubelet said', () => {
    book.event(event('Pulling', 300))
    const runs = () => book.seen(pod({ present: true, runsSinceMs: startMs }, { phase: 'Running' }))
    runs()
    let looks = 0
    for (let seconds = 0; seconds < 1800; seconds += 30) {
      clock.advance(30_000)
      for (const _ of book.sweep()) {
        looks++
        runs()
      }
    }
    assert.ok(looks > 0 && looks <= 20, `${looks} looks`)
    assert.equal(book.counts().pods, 0)
  })

  it('knows what ran in a pod that is over, and what never came to that', () => {
    book.set(pod())
    book.event(event('Pulling', 0))
    const seen = (state: object): boolean | undefined => {
      const status = { phase: 'Failed', containerStatuses: [{ name: 'main', state }] }
      const spec = { nodeName: 'node-a', containers: [{ name: 'main', image: main.image }] }
      book.seen(
        seenPodOf({ metadata: { uid: 'u1', namespace: 'shop', name: 'web' }, spec, status } as unknown as V1Pod)!,
      )
      book.deleted('u1')
      assert.equal(container()?.waiting, false)
      return container()?.deleted
    }
    assert.equal(seen({ terminated: { startedAt: '2026-11-21T10:00:01Z', exitCode: 1 } }), false)
    assert.equal(seen({ waiting: { reason: 'ContainerCreating' } }), true)
  })

  it('takes a failure from the status when no event tells it, by the clock of the node', () => {
    book.set(pod())
    book.event(event('Pulling', 0))
    clock.advance(7000)
    book.set(pod({ pullError: 'rpc error: code = Unknown desc = no space left on device' }))
    assert.equal(status(), 'outstanding')
    clock.advance(2000)
    book.sweep()
    const attempt = attemptOf(container()!.facts)
    assert.deepEqual(
      [attempt?.status, attempt?.reason?.code, attempt?.endedAtMs],
      ['failed', 'NoSpace', startMs + 7000],
    )
  })

  it('does not take what the status still says of the last try for the end of this one', () => {
    book.set(pod())
    book.event(event('Pulling', 0))
    book.event(failed(1))
    book.set(pod({ pullError: 'not found' }))
    book.event(event('Pulling', 11))
    clock.advance(5000)
    book.sweep()
    assert.equal(status(), 'outstanding')
  })

  it('takes so many words on one pod, and then one each five seconds: whoever forges them fills no history', () => {
    book.set(pod())
    for (let second = 0; second < 100; second++) book.event(event('Pulling', second))
    assert.equal(attemptOf(container()!.facts)?.startedAtMs, startMs + 19_000)
    assert.equal(book.counts().excessEvents, 80)
    clock.advance(5000)
    book.event(event('Pulling', 200))
    assert.equal(attemptOf(container()!.facts)?.startedAtMs, startMs + 200_000)
  })

  it('moves a pod that has another node now', () => {
    book.set(pod())
    book.set(pod({}, { nodeName: 'node-b' }))
    assert.equal(container('node-a'), undefined)
    assert.equal(container('node-b')?.podName, 'web')
  })
})

describe('watchedPodOf', () => {
  const owned = (kind: string, name: string): V1Pod =>
    ({
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        uid: 'u1',
        labels: { 'pod-template-hash': '5d4f' },
        ownerReferences: [{ apiVersion: 'v1', kind, name, uid: 'o', controller: true }],
      },
      spec: {
        nodeName: 'node-a',
        initContainers: [{ name: 'init', image: 'a' }],
        containers: [{ name: 'main', image: 'b' }],
      },
      status: { phase: 'Pending' },
    }) as V1Pod

  for (const [kind, name, workload] of [
    ['ReplicaSet', 'web-5d4f', 'Deployment/web'],
    ['ReplicaSet', 'own-5d4', 'ReplicaSet/own-5d4'],
    ['StatefulSet', 'db', 'StatefulSet/db'],
    ['Job', 'nightly-29', 'Job/nightly-29'],
  ] as const) {
    it(`takes ${kind} '${name}' for ${workload}`, () => {
      assert.equal(watchedPodOf(owned(kind, name))?.workload, workload)
    })
  }

  it('holds containers of every kind', () => {
    assert.deepEqual(
      watchedPodOf(owned('Job', 'x'))?.containers.map(({ name }) => name),
      ['init', 'main'],
    )
  })

  it('holds nothing of a pod without a node, or whose work is over', () => {
    const done = owned('Job', 'x')
    assert.equal(watchedPodOf({ ...done, status: { phase: 'Failed' } } as V1Pod), undefined)
    assert.equal(watchedPodOf({ ...done, spec: { ...done.spec!, nodeName: '' } } as V1Pod), undefined)
  })
})
