import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AgentReportAnswer } from '../../../core/contract/agent-report.ts'
import type { HistoryList, PullList } from '../../../core/contract/api.ts'
import type { Pull } from '../../../core/contract/pull.ts'
import { FakeApiServer, type Fault } from '../../../core/kube/api-server.fake.ts'
import { digestOf, layer } from '../../../core/pulls/build.fake.ts'
import { stoodStillMs, watchStops } from '../../../test/lateness.ts'
import { StreamView } from '../events/stream-view.fake.ts'
import { post, type RunningServer, startServer } from '../start-server.fake.ts'
import { FakeKubelet } from './kubelet.fake.ts'

const image = 'registry.example.com:5000/team/app:v1'
const notFound = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`

/** A reader of the stream, as its author would write one. */
class Reader implements AsyncDisposable {
  readonly view = new StreamView()
  readonly #stop = new AbortController()
  readonly #reading: Promise<void>
  #heard = Promise.withResolvers<void>()

  constructor(url: string, query = '') {
    this.view.connect()
    this.#reading = this.#read(`${url}/api/v1/events${query}`).catch(() => {})
  }

  /** Waits for it, at most ten seconds. */
  async until<T>(what: string, look: (view: StreamView) => T | undefined | false): Promise<T> {
    const limit = AbortSignal.timeout(10_000)
    for (;;) {
      const seen = look(this.view)
      if (seen !== undefined && seen !== false) return seen
      if (limit.aborted) throw new Error(`waited for ${what}, got ${JSON.stringify(this.lines)}`)
      const late = Promise.withResolvers<void>()
      limit.addEventListener('abort', () => late.resolve(), { once: true })
      await Promise.race([this.#heard.promise, late.promise])
    }
  }

  pull(what: string, test: (pull: Pull) => boolean): Promise<Pull> {
    return this.until(what, view => view.log.map(({ event }) => event.pull).findLast(test))
  }

  ended(test: (pull: Pull) => boolean = () => true): Promise<Pull> {
    return this.until(
      'an end',
      view =>
        view.log.map(({ event }) => event).findLast(({ type, pull }) => /completed|failed/.test(type) && test(pull))
          ?.pull,
    )
  }

  get lines(): string[] {
    return this.view.log.map(({ event: { type, pull } }) => `${type.slice(5)} ${pull.source} ${pull.phase}`)
  }

  async #read(url: string): Promise<void> {
    const response = await fetch(url, { signal: this.#stop.signal })
    for await (const bytes of response.body!) {
      this.view.feed(bytes)
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#reading
  }
}

describe('the server with pods', function () {
  this.timeout(30_000)
  let folder: string
  let api: FakeApiServer
  let kubelet: FakeKubelet
  let server: RunningServer
  let reader: Reader
  let seq: number

  const env = (more: Record<string, string> = {}) => ({
    PULLTRACE_WATCH_PODS: 'true',
    PULLTRACE_KUBECONFIG: api.writeKubeconfig(path.join(folder, 'kubeconfig')),
    PULLTRACE_DATA_DIR: folder,
    PULLTRACE_REPORT_INTERVAL: '1s',
    ...more,
  })
  const start = async (more: Record<string, string> = {}) => {
    server = await startServer(env(more))
    reader = new Reader(server.url)
    await reader.until('the first state', view => view.syncedSeq !== undefined)
    // The agent is there.
    await report()
  }
  const report = async (...pulls: object[]) => {
    const agent = { version: '0.1.0', epoch: 'epoch-one', seq: ++seq }
    const timestamp = new Date().toISOString()
    const response = await post(`${server.url}/api/v1/report`, { nodeName: 'node-a', timestamp, agent, pulls })
    assert.equal(response.status, 200)
    return (await response.json()) as AgentReportAnswer
  }
  const pullOf = (more: object = {}) => ({
    id: 'a'.repeat(26),
    imageRef: `registry.example.com/team/app@${digestOf('app')}`,
    repository: 'registry.example.com/team/app',
    digest: digestOf('app'),
    phase: 'downloading',
    startedAt: new Date().toISOString(),
    totalKnown: true,
    layers: [layer('one', 10), layer('two', 0)],
    ...more,
  })
  const history = async (query = '') => {
    const response = await fetch(`${server.url}/api/v1/history${query}`)
    return ((await response.json()) as HistoryList).items
  }
  const metric = async (name: string) => {
    const text = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }
  const failing = (error: { code: string; message: string }) => ({
    phase: 'failed',
    completedAt: new Date().toISOString(),
    error,
  })

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-pods-'))
    api = await FakeApiServer.start()
    kubelet = new FakeKubelet(api)
    seq = 0
  })

  afterEach(async () => {
    await reader[Symbol.asyncDispose]()
    await server.stop()
    await api[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  it('shows a waiting pod as queued, then on the pull of the runtime that replaces it, with its tag', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    const queued = await reader.pull('a queued pull', ({ phase }) => phase === 'queued')
    assert.match(queued.id, new RegExp(`^q-${kubelet.uidOf('web-1')}-main-\\d{10}$`))
    const pod = { namespace: 'shop', podName: 'web-1', container: 'main', workload: 'Deployment/web', certain: true }
    assert.deepEqual([queued.imageRef, queued.source, queued.pods], [image, 'kubelet', [pod]])
    assert.deepEqual((await report()).awaiting, [], 'no agent is asked for it')

    await report(pullOf())
    const pull = await reader.pull('the runtime pull', ({ source }) => source === 'agent')
    assert.deepEqual([pull.replaces, pull.pods, pull.imageRef], [[queued.id], [pod], image])
    assert.equal(typeof pull.queuedMs, 'number')
    assert.deepEqual([...reader.view.pulls.keys()], [pull.id])
    const listed = await fetch(`${server.url}/api/v1/pulls?pod=web-1`)
    assert.deepEqual(
      ((await listed.json()) as PullList).pulls.map(({ id }) => id),
      [pull.id],
    )
    assert.deepEqual(await history(), [])
    assert.equal(await metric('pulltrace_pods_waiting'), 1)
    assert.equal(await metric('pulltrace_pod_watch_synced'), 1)
    assert.equal(await metric('pulltrace_pulls_queued'), 0)
  })

  it('sees a failure that lasts milliseconds, with the text and its code, and keeps it', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    kubelet.failed('web-1', notFound)
    const pull = await reader.ended()
    assert.deepEqual([pull.phase, pull.errorCode, pull.error, pull.source], ['failed', 'NotFound', notFound, 'kubelet'])
    assert.deepEqual(
      (await history('?pod=web-1')).map(({ id }) => id),
      [pull.id],
    )
    assert.equal(await metric('pulltrace_pull_errors_total\\{code="NotFound"\\}'), 1)
  })

  it('tells the same end once, also after a restart', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    kubelet.failed('web-1', notFound)
    await reader.ended()
    await reader[Symbol.asyncDispose]()
    await server.stop()
    await start()
    kubelet.pod('api-1', 'registry.example.com/api:v1')
    kubelet.pulling('api-1')
    await reader.pull('what comes later', ({ pods }) => pods[0]?.podName === 'api-1')
    assert.deepEqual(reader.lines, ['started kubelet queued'])
  })

  it("gives a failed pull the kubelet's reason, in the stream and in the history", async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    await report(pullOf())
    const answer = await report(pullOf(failing({ code: 'Unknown', message: 'the pull ended' })))
    assert.equal(answer.acknowledged, true)
    kubelet.failed(
      'web-1',
      'failed commit on ref "layer-sha256:aa": unexpected commit digest sha256:bb, expected sha256:aa',
    )
    const pull = await reader.ended()
    assert.equal(pull.errorCode, 'DigestMismatch')
    assert.equal((await history())[0]?.errorCode, 'DigestMismatch')
    assert.equal(reader.lines.filter(line => line.startsWith('failed')).length, 1)
  })

  it('tells a failure within three seconds where no kubelet says why, and corrects it later', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    await report(pullOf())
    await report(pullOf(failing({ code: 'Unknown', message: 'the pull ended' })))
    using machine = watchStops()
    const startedMs = Date.now()
    await reader.ended()
    const endedMs = Date.now()
    const tookMs = endedMs - startedMs - stoodStillMs(machine.stops(), startedMs, endedMs)
    assert.ok(tookMs < 3600, `waits three seconds, looks each quarter of one, took ${tookMs} ms`)
    kubelet.failed('web-1', 'write /var/lib: no space left on device')
    await reader.pull('the reason', ({ errorCode }) => errorCode === 'NoSpace')
    assert.equal(reader.lines.at(-1), 'progress agent failed')
    assert.equal((await history())[0]?.errorCode, 'NoSpace')
  })

  it('ends what is queued when its pod is deleted', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    await reader.pull('a queued pull', ({ phase }) => phase === 'queued')
    kubelet.remove('web-1')
    const pull = await reader.ended()
    assert.deepEqual([pull.phase, pull.errorCode], ['failed', 'Cancelled'])
  })

  it('completes what is queued when the kubelet says so and the runtime shows nothing', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    kubelet.says(
      'web-1',
      'Pulled',
      'Successfully pulled image "x" in 120ms (1.5s including waiting). Image size: 1 bytes.',
    )
    kubelet.pod('web-1', image, { state: { running: {} }, imageID: 'sha256:x' }, { phase: 'Running' })
    const pull = await reader.ended()
    assert.deepEqual([pull.phase, pull.source, pull.queuedMs], ['completed', 'kubelet', 1380])
  })

  it('finds the pod of a container that starts anew, which no watch of pending pods shows', async () => {
    await start()
    kubelet.pod('web-1', image, { state: { waiting: {} }, imageID: 'sha256:x', restartCount: 1 }, { phase: 'Running' })
    kubelet.pulling('web-1')
    const queued = await reader.pull('a queued pull', ({ phase }) => phase === 'queued')
    assert.equal(queued.pods[0]?.podName, 'web-1')
    kubelet.failed('web-1', notFound)
    assert.equal((await reader.ended()).errorCode, 'NotFound')
  })

  it('takes no word from whoever is not the kubelet of the node, nor of a container that is not there', async () => {
    await start()
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1', { source: { component: 'kubelet', host: 'node-b' } })
    kubelet.pulling('web-1', { source: { component: 'somebody' } })
    kubelet.pulling('web-1', { lastTimestamp: '2099-01-01T00:00:00Z' })
    const about = {
      kind: 'Pod',
      namespace: 'shop',
      name: 'web-1',
      uid: kubelet.uidOf('web-1'),
      fieldPath: 'spec.containers{x}',
    }
    kubelet.pulling('web-1', { involvedObject: about })
    kubelet.pulling('web-1', { involvedObject: { ...about, fieldPath: 'spec.containers{main}', name: 'web-2' } })
    kubelet.pod('api-1', 'registry.example.com/api:v1')
    kubelet.pulling('api-1')
    await reader.pull('an honest word', ({ pods }) => pods[0]?.podName === 'api-1')
    assert.deepEqual(reader.lines, ['started kubelet queued'])
  })

  it('shows only pods of the namespaces that it is told to watch, and asks for no others', async () => {
    await start({ PULLTRACE_WATCH_NAMESPACES: 'shop,bank' })
    kubelet.pod('spy-1', image, {}, { namespace: 'secret' })
    kubelet.pulling('spy-1', { namespace: 'secret' })
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    await reader.pull('a queued pull', ({ phase }) => phase === 'queued')
    assert.deepEqual(reader.lines, ['started kubelet queued'])
    assert.equal(reader.view.log[0]?.event.pull.pods[0]?.podName, 'web-1')
    const asked = new Set(api.requests.map(request => request.path))
    assert.deepEqual(
      [...asked].sort(),
      ['bank', 'shop'].flatMap(ns => [`/api/v1/namespaces/${ns}/events`, `/api/v1/namespaces/${ns}/pods`]),
    )
  })

  it('goes on without its API server, and catches up', async () => {
    let fault: Fault | undefined = 'reset'
    api.fault = () => fault
    await start()
    await report(pullOf())
    await reader.pull('a pull without pods', ({ pods }) => pods.length === 0)
    assert.equal((await fetch(`${server.metricsUrl}/readyz`)).status, 200)
    assert.equal(await metric('pulltrace_pod_watch_synced'), 0)
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1', { lastTimestamp: new Date(Date.now() - 3000).toISOString() })
    fault = undefined
    await reader.pull('its pod', ({ pods }) => pods[0]?.podName === 'web-1')
    assert.equal(server.logged.filter(({ level, message }) => level === 'warn' && message === 'watch failed').length, 1)
  })

  it('tells a reader of queued pulls only that one has left', async () => {
    await start()
    await using queued = new Reader(server.url, '?phase=queued')
    kubelet.pod('web-1', image)
    kubelet.pulling('web-1')
    await queued.pull('a queued pull', ({ phase }) => phase === 'queued')
    await report(pullOf())
    await queued.until('its leave', view => view.pulls.size === 0 && view.log.length > 1)
    assert.equal(queued.view.log.at(-1)?.event.left, true)
  })
})
