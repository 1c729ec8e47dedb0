import assert from 'node:assert/strict'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { StreamView } from '../../server/pulltrace/events/stream-view.fake.ts'
import type { BuiltImage } from '../rig/images.ts'
import { type Program, type ServerProgram, startAgent, startServer } from '../rig/pulltrace.ts'
import { type Cluster, startCluster } from './cluster.ts'

/** A real kubelet and its pods; server and agent run beside the cluster, so that a fault of theirs is easy to look at. */
describe('the server with the pods of a real kubelet', function () {
  this.timeout(120_000)
  let cluster: Cluster
  let server: ServerProgram
  let agent: Program
  let view = new StreamView()
  const stop = new AbortController()
  let heard = Promise.withResolvers<void>()

  before(async function () {
    this.timeout(1_800_000) // The first time, everything is built.
    cluster = await startCluster({ nodes: 1 })
    const kubernetes = { PULLTRACE_WATCH_PODS: 'true', PULLTRACE_KUBECONFIG: cluster.plane.kubeconfig() }
    server = await startServer({ reportIntervalMs: 500, env: kubernetes })
    const node = cluster.nodes[0]!
    agent = await startAgent({
      nodeName: node.name,
      serverUrl: server.url,
      socket: node.socket,
      namespaces: ['k8s.io'],
      reportIntervalMs: 500,
    })
    void follow()
  })

  after(async () => {
    stop.abort()
    await agent?.stop()
    await server?.stop()
    await cluster?.stop()
  })

  /** Until the server ends the stream, or the test. */
  async function follow() {
    view = new StreamView()
    view.connect()
    const feed = view.feed.bind(view)
    const response = await fetch(`${server.url}/api/v1/events`, { signal: stop.signal })
    try {
      for await (const bytes of response.body!) {
        feed(bytes)
        heard.resolve()
        heard = Promise.withResolvers()
      }
    } catch {
      // The test is over.
    }
  }

  async function event(what: string, test: (event: PullEvent) => boolean): Promise<Pull> {
    const limit = AbortSignal.timeout(60_000)
    for (;;) {
      const found = view.log.find(({ event }) => test(event))
      if (found) return found.event.pull
      if (limit.aborted) throw new Error(`waited for ${what}, got\n${told()}`)
      const late = Promise.withResolvers<void>()
      limit.addEventListener('abort', () => late.resolve(), { once: true })
      await Promise.race([heard.promise, late.promise])
    }
  }

  const told = () =>
    view.log
      .map(({ event: { type, pull } }) => `${type} ${pull.id} ${pull.phase} ${pull.imageRef} ${podsOf(pull)}`)
      .join('\n')
  const podsOf = ({ pods }: Pull) => pods.map(({ podName, certain }) => `${podName}${certain ? '' : '?'}`).join(' ')
  const of = (pod: string) => (each: PullEvent) => each.pull.pods.some(({ podName }) => podName === pod)
  const ended = (pod: string) => (each: PullEvent) => of(pod)(each) && /completed|failed/.test(each.type)
  const push = (name: string, bytes = 200_000): Promise<BuiltImage> =>
    cluster.push({ name: `pods/${name}`, layers: [{ bytes }] })

  async function run(name: string, image: string, more: object = {}): Promise<void> {
    const container = { name: 'main', image, command: ['/none'], ...more }
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [container] } }
    const { code, stderr } = await cluster.kubectl(['create', '-f', '-'], JSON.stringify(pod))
    assert.equal(code, 0, stderr)
  }

  it('shows a tag while the runtime knows only a digest', async () => {
    const image = await push('slow', 2_000_000)
    const gate = cluster.proxy.blob(image.layers[0]!.digest)
    gate.pause()
    await run('slow', image.ref(cluster.registryHost))
    const pull = await event(
      'the pull with its tag',
      each => of('slow')(each) && each.pull.phase === 'downloading' && !each.pull.imageRef.includes('@'),
    )
    assert.equal(pull.imageRef, image.ref(cluster.registryHost))
    assert.deepEqual([podsOf(pull), pull.source], ['slow', 'agent'])
    gate.resume()
    const end = await event('its end', ended('slow'))
    assert.deepEqual([end.id, end.phase, end.imageRef], [pull.id, 'completed', pull.imageRef])
  })

  it('ends a queued pull when its pod is deleted before its turn', async () => {
    const [ahead, behind] = await Promise.all([push('ahead', 1_000_000), push('behind')])
    const gate = cluster.proxy.blob(ahead.layers[0]!.digest)
    gate.pause()
    await run('ahead', ahead.ref(cluster.registryHost))
    await event('the pull ahead', each => of('ahead')(each) && each.pull.phase === 'downloading')
    await run('behind', behind.ref(cluster.registryHost))
    const queued = await event('the pull behind', each => of('behind')(each) && each.pull.phase === 'queued')
    await cluster.kubectl(['delete', 'pod', 'behind', '--grace-period=0', '--force'])
    const end = await event('its end', each => each.pull.id === queued.id && each.type === 'pull.failed')
    assert.equal(end.errorCode, 'Cancelled')
    gate.resume()
    await event('the end ahead', ended('ahead'))
  })

  it('tells why a download failed in the middle, once, in the words of the runtime', async () => {
    const image = await push('broken', 1_000_000)
    const layer = image.layers[0]!
    cluster.proxy.blob(layer.digest).corrupt({ times: 1000 })
    await run('broken', image.ref(cluster.registryHost))
    const end = await event('its end', ended('broken'))
    assert.deepEqual([end.phase, end.errorCode], ['failed', 'DigestMismatch'])
    assert.match(end.error ?? '', /unexpected commit digest/)
    await cluster.kubectl(['delete', 'pod', 'broken', '--grace-period=0', '--force'])
  })

  it('tells of the next pull of a container that does not start', async () => {
    const image = await push('again')
    await run('again', image.ref(cluster.registryHost), { imagePullPolicy: 'Always' })
    await event('the first pull', ended('again'))
    // The program is not in the image: the container fails to start, and its kubelet pulls again before it tries again.
    const takeBack = cluster.proxy.answer({ status: 429, when: { reference: image.ref('').split(':').at(-1)! } })
    const end = await event('a pull that fails', each => ended('again')(each) && each.pull.phase === 'failed')
    assert.deepEqual([end.errorCode, end.imageRef], ['TooManyRequests', image.ref(cluster.registryHost)])
    takeBack()
    await cluster.kubectl(['delete', 'pod', 'again', '--grace-period=0', '--force'])
  })

  it('puts two pods on the one pull of their image', async () => {
    const image = await push('both', 1_500_000)
    const gate = cluster.proxy.blob(image.layers[0]!.digest)
    gate.pause()
    for (const name of ['both-1', 'both-2']) await run(name, image.ref(cluster.registryHost))
    const pull = await event(
      'both on it',
      each => of('both-1')(each) && of('both-2')(each) && each.pull.phase === 'downloading',
    )
    assert.equal(podsOf(pull), 'both-1 both-2')
    gate.resume()
    assert.equal(
      (await event('its end', each => each.pull.id === pull.id && each.type === 'pull.completed')).id,
      pull.id,
    )
  })

  it('has left nothing open, and nothing twice', async () => {
    const starts = view.log.filter(({ event }) => event.type === 'pull.started').map(({ event }) => event.pull.id)
    assert.equal(new Set(starts).size, starts.length)
    const unknown = view.log.filter(({ event }) => event.pull.phase === 'unknown')
    assert.deepEqual(
      unknown.map(({ event }) => event.pull.id),
      [],
      told(),
    )
  })

  it('comes back after a restart of the server with pod and tag, and says of nothing that it is queued', async () => {
    const image = await push('later', 2_000_000)
    const gate = cluster.proxy.blob(image.layers[0]!.digest)
    gate.pause()
    await run('later', image.ref(cluster.registryHost))
    const before = await event('the pull', each => of('later')(each) && each.pull.phase === 'downloading')
    await server.restart()
    void follow()
    const after = await event('the pull again', each => of('later')(each) && each.pull.phase === 'downloading')
    assert.deepEqual([after.id, after.imageRef, podsOf(after)], [before.id, image.ref(cluster.registryHost), 'later'])
    gate.resume()
    await event('its end', ended('later'))
    const queued = view.log.filter(({ event }) => of('later')(event) && event.pull.phase === 'queued')
    assert.deepEqual(queued, [], told())
  })
})
