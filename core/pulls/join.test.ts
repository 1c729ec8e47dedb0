import assert from 'node:assert/strict'
import type { ReportedPull } from '../contract/agent-report.ts'
import { unresolvedImage } from '../contract/words.ts'
import { at, digestOf, pullId, reported } from './build.fake.ts'
import { JoinedNode } from './joined-node.fake.ts'
import { second, waitingPod } from './waiting.fake.ts'
import { factOf, type KubeletFact } from './waiting.ts'

const image = 'registry.example.com:5000/team/app:v1'
const pulling = (seconds: number) => factOf('Pulling', '', second(seconds))
const pulled = (seconds: number, text = 'in 1s (1s including waiting)') =>
  factOf('Pulled', `Successfully pulled image "x" ${text}. Image size: 1 bytes.`, second(seconds))
const failed = (seconds: number, why = 'registry/app:v1: not found') =>
  factOf('Failed', `Failed to pull image "x": rpc error: code = NotFound desc = ${why}`, second(seconds))
const backOff = (seconds: number) => factOf('BackOff', 'Back-off pulling image "x"', second(seconds))

/** As the agent knows a pull while it goes on: by its digest. */
const byDigest = (name: string, more: Partial<ReportedPull> = {}) => {
  const repository = 'registry.example.com/team/app'
  const digest = digestOf(name)
  return reported(name, { imageRef: `${repository}@${digest}`, repository, digest, startedAt: at(5), ...more })
}
const unresolved = (name: string, more: Partial<ReportedPull> = {}) =>
  reported(name, {
    imageRef: unresolvedImage,
    phase: 'resolving',
    layers: [],
    totalKnown: false,
    startedAt: at(5),
    ...more,
  })
const web = (...facts: (KubeletFact | undefined)[]) => waitingPod('web', image, facts)
const queuedWeb = `q-uid-web-main-${second(2) / 1000}`
const podsOf = (node: JoinedNode, id: string) =>
  node.get(id)?.pods.map(({ podName, certain }) => `${podName} ${certain}`)

describe('joinPods', () => {
  let node: JoinedNode
  beforeEach(() => {
    node = new JoinedNode()
  })

  it('shows a pod that waits as queued, until the runtime pulls: which replaces it without an end', () => {
    node.at(2).pods(web(pulling(2)))
    assert.deepEqual(node.log, ['pull.started q queued'])
    assert.deepEqual([node.get(queuedWeb)?.source, podsOf(node, queuedWeb)], ['kubelet', ['web true']])
    node.at(6).report([byDigest('app')])
    assert.deepEqual(node.log.slice(1), ['pull.started app downloading'])
    const pull = node.get(pullId('app'))
    assert.deepEqual([pull?.replaces, pull?.queuedMs, pull?.imageRef], [[queuedWeb], 3000, image])
    assert.deepEqual(podsOf(node, pullId('app')), ['web true'])
    assert.equal(node.history.size, 0)
  })

  it('queues nothing while a server that has just begun waits for the agent, and forgets no end for that', () => {
    node.agentAwaited = true
    node.at(2).pods(web(pulling(2)), waitingPod('api', 'r.example.com/api', [pulling(2), failed(2)]))
    assert.deepEqual(node.log, ['pull.started q failed', 'pull.failed q failed'])
    node.agentAwaited = false
    node.at(6).report([byDigest('app')])
    assert.deepEqual(node.log.slice(2), ['pull.started app downloading'])
    assert.equal(node.get(pullId('app'))?.replaces, undefined)
  })

  it('keeps the tag when the agent goes on to say the digest, and sends nothing for it', () => {
    node.at(2).pods(web(pulling(2)))
    node.report([byDigest('app')])
    const length = node.log.length
    node.report([byDigest('app')])
    assert.equal(node.get(pullId('app'))?.imageRef, image)
    assert.equal(node.log.length, length)
  })

  it('names no tag before the kubelet has said that it pulls', () => {
    node.pods(web())
    node.at(6).report([byDigest('app')])
    assert.match(node.get(pullId('app'))!.imageRef, /@sha256/)
    assert.deepEqual(podsOf(node, pullId('app')), ['web false'])
    node.pods(web(pulling(5)))
    assert.equal(node.get(pullId('app'))?.imageRef, image)
    assert.deepEqual(podsOf(node, pullId('app')), ['web true'])
    assert.equal(node.get(pullId('app'))?.replaces, undefined)
  })

  it('gives all candidates, none certain, when two tags of one repository cannot be told apart', () => {
    const other = waitingPod('api', image.replace('v1', 'v2'), [pulling(2)])
    node.at(2).pods(web(pulling(2)), other)
    node.at(6).report([byDigest('app')])
    assert.deepEqual(podsOf(node, pullId('app')), ['api false', 'web false'])
    assert.match(node.get(pullId('app'))!.imageRef, /@sha256/)
    assert.equal(node.view.size, 3, 'both stay queued')
  })

  it('leaves out a tag whose last try was over before the pull began', () => {
    const other = waitingPod('api', image.replace('v1', 'gone'), [pulling(1), failed(2), backOff(3)])
    node.at(4).pods(web(pulling(3)), other)
    node.at(6).report([byDigest('app')])
    assert.equal(node.get(pullId('app'))?.imageRef, image)
    assert.deepEqual(podsOf(node, pullId('app')), ['web true'])
  })

  it('is certain of nothing by repository where only some namespaces are watched', () => {
    node.everyNamespace = false
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([byDigest('app')])
    assert.deepEqual(podsOf(node, pullId('app')), ['web false'])
    node.at(8).report([byDigest('app', { imageRef: image })])
    assert.deepEqual(podsOf(node, pullId('app')), ['web true'])
    assert.deepEqual(node.get(pullId('app'))?.replaces, [queuedWeb])
  })

  it('adds a pod that comes later to the pull of its image, and queues nothing', () => {
    node.at(6).report([byDigest('app', { imageRef: image })])
    node.at(9).pods(waitingPod('late', image, [pulling(8)]))
    assert.deepEqual(podsOf(node, pullId('app')), ['late true'])
    assert.deepEqual(node.log, ['pull.started app downloading', 'pull.progress app downloading'])
    assert.equal(node.get(pullId('app'))?.queuedMs, undefined)
  })

  it('keeps the pod on a pull that has ended, though the pod has moved on', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([byDigest('app')])
    node.at(8).pods({ ...web(pulling(2), pulled(7, 'in 1.5s (4.25s including waiting)')), waiting: false })
    node.report([byDigest('app', { imageRef: image, phase: 'completed', completedAt: at(7) })])
    const pull = node.history.get(pullId('app'))
    assert.deepEqual([pull?.queuedMs, podsOf(node, pullId('app'))], [2750, ['web true']])
    assert.equal(node.log.at(-1), 'pull.completed app completed')
  })

  it('makes a pull of what only the kubelet saw fail, under its own id', () => {
    node.at(2).pods(web(pulling(2), failed(2)))
    assert.deepEqual(node.log, ['pull.started q failed', 'pull.failed q failed'])
    const pull = node.history.get(queuedWeb)
    assert.deepEqual(
      [pull?.errorCode, pull?.source, pull?.error],
      ['NotFound', 'kubelet', 'registry/app:v1: not found'],
    )
    node.at(4).pods(web(pulling(2), failed(2), backOff(4)))
    assert.equal(node.log.length, 2, 'back-off says nothing new')
    node.at(13).pods(web(pulling(2), failed(2), backOff(4), pulling(12)))
    assert.equal(node.log.at(-1), 'pull.started q queued', 'a retry is a new pull')
  })

  it('takes Pulled without a pull of the runtime for completed, three seconds later', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(3).pods(web(pulling(2), pulled(3)))
    node.at(5.9)
    assert.equal(node.log.length, 1)
    node.at(6)
    assert.equal(node.log.at(-1), 'pull.completed q completed')
    assert.equal(node.history.get(queuedWeb)?.completedAtMs, second(3))
  })

  it('ends a try as the kubelet said when it has begun the next one meanwhile', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(4).pods(web(pulling(2), pulled(3, 'in 1s (1.25s including waiting)'), pulling(4)))
    assert.deepEqual(node.log, ['pull.started q queued', 'pull.completed q completed', 'pull.started q queued'])
    assert.deepEqual(
      [node.history.get(queuedWeb)?.completedAtMs, node.history.get(queuedWeb)?.queuedMs],
      [second(3), 250],
    )
    node.at(16).pods(web(pulling(4), failed(5), pulling(16)))
    assert.equal(node.log.at(-2), 'pull.failed q failed')
    node.at(30).pods(web(pulling(30)))
    assert.equal(node.log.at(-2), 'pull.failed q unknown')
  })

  it('lets a quick pull of the runtime replace what the kubelet told of it', () => {
    node.at(3).pods(web(pulling(2), pulled(3)))
    assert.deepEqual(node.log, [])
    const quick = { phase: 'completed', startedAt: at(2.4), completedAt: at(3) } as const
    node.at(4).report([byDigest('app', { imageRef: image, ...quick })])
    node.at(60)
    assert.deepEqual(node.log, ['pull.started app completed', 'pull.completed app completed'])
    assert.deepEqual(podsOf(node, pullId('app')), ['web true'])
  })

  it('ends what is queued as cancelled when the pod is deleted', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(9).pods({ ...web(pulling(2)), deleted: true, waiting: false })
    const pull = node.history.get(queuedWeb)
    assert.deepEqual([pull?.phase, pull?.errorCode, pull?.completedAtMs], ['failed', 'Cancelled', second(9)])
    assert.equal(node.open, 0)
  })

  it("waits for the kubelet's reason before it tells a failure, at most three seconds", () => {
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([byDigest('app')])
    const gone = byDigest('app', { phase: 'failed', completedAt: at(7), error: { code: 'Unknown', message: 'ended' } })
    node.at(7).report([gone])
    assert.equal(node.history.get(pullId('app'))?.phase, 'failed', 'it is safe at once')
    assert.equal(node.log.length, 2)
    node.at(8).pods(web(pulling(2), failed(7, 'unexpected commit digest sha256:b, expected sha256:a')))
    assert.equal(node.log.at(-1), 'pull.failed app failed')
    assert.equal(node.history.get(pullId('app'))?.errorCode, 'DigestMismatch')
    assert.equal(node.open, 0)
  })

  it('tells the failure without a reason in time, and corrects it when one comes', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([byDigest('app')])
    node.at(7).report([byDigest('app', { phase: 'failed', completedAt: at(7) })])
    node.at(10)
    assert.equal(node.log.at(-1), 'pull.failed app failed')
    node.at(12).pods(web(pulling(2), failed(7)))
    assert.equal(node.log.at(-1), 'pull.progress app failed')
    assert.equal(node.history.get(pullId('app'))?.errorCode, 'NotFound')
    const length = node.log.length
    node.at(14).pods(web(pulling(2), failed(7), backOff(13)))
    assert.equal(node.log.length, length)
  })

  it('does not wait where no pod can tell', () => {
    node.at(6).report([byDigest('app')])
    node.at(7).report([byDigest('app', { phase: 'failed', completedAt: at(7) })])
    assert.equal(node.log.at(-1), 'pull.failed app failed')
  })

  it('lets no kubelet end a pull that the agent sees go on', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([byDigest('app')])
    node.pods(web(pulling(2), failed(6)))
    assert.equal(node.log.at(-1), 'pull.started app downloading')
  })

  it('takes the one nameless pull for the one of which the kubelet says that it failed', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([unresolved('app')])
    assert.deepEqual([node.view.size, podsOf(node, pullId('app'))], [2, ['web false']])
    node.at(7).pods(web(pulling(2), failed(7)))
    node.at(8).report([unresolved('app', { phase: 'unknown', completedAt: at(8) })])
    assert.equal(node.log.at(-1), 'pull.failed app failed')
    const pull = node.history.get(pullId('app'))
    assert.deepEqual([pull?.imageRef, pull?.errorCode, pull?.replaces], [image, 'NotFound', [queuedWeb]])
    assert.equal(node.open, 0)
  })

  it('attributes nothing when two nameless pulls could be meant', () => {
    node.at(2).pods(web(pulling(2)), waitingPod('api', 'other.example.com/api:v1', [pulling(3)]))
    node.at(6).report([unresolved('app'), unresolved('bpp')])
    node.at(8).pods(web(pulling(2), failed(7)), waitingPod('api', 'other.example.com/api:v1', [pulling(3)]))
    node.report([unresolved('app', { phase: 'unknown', completedAt: at(8) }), unresolved('bpp')])
    node.at(20)
    assert.equal(node.history.get(pullId('app'))?.phase, 'unknown')
    assert.deepEqual(
      [...node.history.values()].map(({ source, phase }) => `${source} ${phase}`),
      ['agent unknown', 'kubelet failed'],
    )
  })

  it('opens a pull again whose end waited for a reason, when the agent sees it go on', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(6).report([byDigest('app')])
    node.at(7).report([byDigest('app', { phase: 'unknown', completedAt: at(7) })])
    node.at(8).report([byDigest('app')])
    node.at(20)
    assert.deepEqual(node.log.slice(2), ['pull.progress app downloading'])
    assert.equal(node.get(pullId('app'))?.phase, 'downloading')
  })

  it('tells a failure of its own of a pod that had waited for the pull of another', () => {
    node.at(6).report([byDigest('app', { imageRef: image })])
    node.at(9).pods(waitingPod('late', image, [pulling(8)]))
    node.at(20).report([byDigest('app', { imageRef: image, phase: 'completed', completedAt: at(20) })])
    node.at(21).pods(waitingPod('late', image, [pulling(8), failed(21, 'x: 429 Too Many Requests')]))
    assert.deepEqual(node.log.slice(-2), ['pull.started q failed', 'pull.failed q failed'])
  })

  it('tells a failure once that the kubelet told, though the runtime pulls the image after all', () => {
    node.at(2).pods(web(pulling(2)))
    node.at(4).pods(web(pulling(2), failed(4)))
    node.at(5).report([byDigest('app', { imageRef: image, startedAt: at(4.5) })])
    node.at(9).report([byDigest('app', { imageRef: image, phase: 'completed', completedAt: at(9) })])
    assert.deepEqual(node.log, [
      'pull.started q queued',
      'pull.failed q failed',
      'pull.started app downloading',
      'pull.completed app completed',
    ])
  })

  it('tells nothing twice when it is joined again', () => {
    node.at(2).pods(web(pulling(2), failed(2)), waitingPod('api', 'r.example.com/api', [pulling(2)]))
    const { log } = node
    const length = log.length
    node.pods(...node.containers)
    node.at(8).pods(...node.containers)
    assert.equal(log.length, length)
  })

  it('tells nothing of ends that are long past when it first hears of them', () => {
    node.at(600).pods(web(pulling(2), pulled(3)), waitingPod('api', 'r.example.com/api', [pulling(2), failed(4)]))
    node.at(700)
    assert.deepEqual(node.log, [])
  })
})
