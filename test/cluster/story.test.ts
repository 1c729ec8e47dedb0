import assert from 'node:assert/strict'
import { nodeFile } from '../../core/contract/launch.ts'
import type { Layer } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import type { BuiltImage } from '../rig/images.ts'
import { untilServed } from './kinds.ts'
import { agents, median, openStory, podOf, type Story, sizesOf, system } from './story.ts'

/** What a user does, in this order, on a Kubernetes with a node; each step goes on from the one before. */
describe('the whole story', function () {
  this.timeout(180_000)
  let story: Story
  let web: BuiltImage
  let webPod: string
  let agentBefore: string

  before(async function () {
    this.timeout(1_800_000) // The first time, Kubernetes and the image are built.
    story = await openStory()
  })
  after(() => story?.stop())
  afterEach(function () {
    // A step without the one before it would only say so at length.
    if (this.currentTest?.state === 'failed') this.test?.parent?.bail(true)
  })

  const isOf = (pod: string) => (event: PullEvent) => podOf(event.pull)?.podName === pod

  it('is Ready a moment after install.yaml and a sample were applied', async () => {
    await story.kubectl('apply', '-f', 'config/install.yaml')
    await untilServed(story.cluster, 'pulltraceconfigs')
    await story.kubectl('apply', '-f', 'config/samples/pulltraceconfig.yaml')
    await story.kubectl('wait', '--for=condition=Ready', 'ptc/pulltrace', '--timeout=150s')
    agentBefore = await story.agentState()
    assert.match(agentBefore, /^[0-9a-f-]{36} 0 [0-9a-f-]{36} 1$/)
    await story.look()
  })

  it('prints whether, how often, how many and where', async () => {
    const table = await story.kubectl('get', 'ptc')
    const [head, row] = table
      .trim()
      .split('\n')
      .map(line => line.split(/\s{2,}/))
    assert.deepEqual(head, ['NAME', 'READY', 'INTERVAL', 'AGENTS', 'ENDPOINT', 'AGE'])
    assert.deepEqual(row!.slice(0, 4), ['pulltrace', 'True', '2s', '1/1'])
    assert.match(row![4]!, /^http:\/\/pulltrace-server\.pulltrace-system\.svc/)
  })

  it('runs everything as nobody: no capability, nothing writable, where only restricted pods are let in', async () => {
    const label = '-o=jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}'
    assert.equal(await story.kubectl('get', 'namespace', system, label), 'restricted')
    const look = `const fs = require('fs'), status = fs.readFileSync('/proc/1/status', 'utf8')
      let root = ''
      try { fs.writeFileSync('/x', '') } catch (error) { root = error.code }
      console.log(status.match(/^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):.*$/gm).join(' ').replace(/\\s+/g, ' '), root)`
    for (const [namespace, pod] of [
      [system, 'deployment/pulltrace-operator'],
      [system, 'pod/pulltrace-server-0'],
      [agents, 'daemonset/pulltrace-agent'],
    ] as const) {
      const seen = await story.kubectl('exec', `-n=${namespace}`, pod, '--', nodeFile, '-e', look)
      const nobody = 'Uid: 65532 65532 65532 65532'
      const nothing = 'CapEff: 0000000000000000 CapBnd: 0000000000000000'
      assert.equal(seen.trim(), `${nobody} ${nothing} NoNewPrivs: 1 Seccomp: 2 EROFS`, pod)
    }
  })

  it('says how far the image of a pod is that hangs behind a slow registry', async () => {
    web = await story.cluster.push({ name: 'shop/web', layers: [{ bytes: 4_000_000 }, { bytes: 3_000_000 }] })
    story.cluster.proxy.limit(200_000)
    // However slow the machine: no layer ends before all of them were seen under way.
    for (const { digest, size } of web.layers) story.cluster.proxy.blob(digest).release(size - 100_000)
    webPod = await story.deploy('web', web.ref(story.cluster.registryHost))
    await story.event('bytes for the pod', event => isOf(webPod)(event) && event.pull.downloadedBytes > 0)
    const share = `\\d+ of ${Math.round(web.totalBytes / 1024)} KiB are here \\(\\d+%\\)`
    const far = new RegExp(`${share}, at .*/s, about \\d+s left; then it is unpacked`)
    // The first look at bytes has no rate yet, and the next ones count the time in which the registry was only asked.
    await eventuallyHolds(async () => assert.match(await story.pulltrace('why', webPod), far), 30_000)
  })

  it('shows that pull with its pod and its tag, layer by layer, to its end', async () => {
    const underWay = (layer: Layer) => layer.downloadedBytes > 0 && layer.downloadedBytes < layer.totalBytes
    await story.event('every layer under way', event => {
      const { layers = [] } = event.pull
      return isOf(webPod)(event) && layers.length === 2 && layers.every(underWay)
    })
    story.cluster.proxy.limit(undefined)
    for (const { digest } of web.layers) story.cluster.proxy.blob(digest).resume()
    const { pull } = await story.event('the end', event => isOf(webPod)(event) && event.type === 'pull.completed')
    const { id, imageRef, totalBytes, downloadedBytes, phase } = pull
    const ref = web.ref(story.cluster.registryHost)
    assert.deepEqual(
      { imageRef, totalBytes, downloadedBytes, phase },
      {
        imageRef: ref,
        totalBytes: web.totalBytes,
        downloadedBytes: web.totalBytes,
        phase: 'completed',
      },
    )
    assert.deepEqual(
      { ...podOf(pull) },
      {
        namespace: 'default',
        podName: webPod,
        container: 'main',
        workload: 'Deployment/web',
        certain: true,
      },
    )
    const ours = story.events.filter(event => event.pull.id === id)
    assert.equal(ours.filter(({ type }) => type === 'pull.started').length, 1)
    const layersOf = (event: PullEvent): readonly Layer[] => event.pull.layers ?? []
    for (const [digest, size] of sizesOf(web)) {
      const seen = ours.flatMap(event => layersOf(event).filter(layer => layer.digest === digest))
      const bytes = seen.map(layer => layer.downloadedBytes)
      assert.deepEqual(
        bytes,
        bytes.toSorted((a, b) => a - b),
        'no layer loses bytes',
      )
      assert.equal(bytes.at(-1), size)
    }
  })

  const refusals = [
    { name: 'wrong-tag', code: 'NotFound', says: /not found/i },
    { name: 'private', status: 401, code: 'Unauthorized', says: /401|unauthorized|authorization/i },
    { name: 'busy', status: 429, code: 'TooManyRequests', says: /429|too many requests/i },
    { name: 'refused', code: 'ConnectionRefused', says: /connection refused/i },
  ] as const
  for (const { name, code, says, ...answer } of refusals) {
    it(`tells of ${name} as ${code}, in the words of the kubelet`, async () => {
      const { proxy, registryHost } = story.cluster
      const takeBack =
        'status' in answer ? proxy.answer({ status: answer.status, when: { reference: name } }) : undefined
      const host = name === 'refused' ? registryHost.replace(/:\d+$/, ':1') : registryHost
      const pod = await story.deploy(name, `${host}/shop/web:${name}`)
      const { pull } = await story.event('the failure', event => isOf(pod)(event) && event.type === 'pull.failed')
      assert.equal(pull.phase, 'failed')
      assert.equal(pull.errorCode, code)
      assert.match(pull.error ?? '', says)
      assert.equal(pull.imageRef, `${host}/shop/web:${name}`)
      // While the kubelet tries again, that is what it says.
      await eventuallyHolds(async () => assert.match(await story.pulltrace('why', pod), new RegExp(code)))
      takeBack?.()
      await story.kubectl('delete', 'deployment', name)
    })
  }

  it('shows a pod behind another in the queue of the kubelet, and what the queue became', async () => {
    const { cluster } = story
    const [ahead, behind] = await Promise.all(
      ['ahead', 'behind'].map(name => cluster.push({ name: `shop/${name}`, layers: [{ bytes: 1_500_000 }] })),
    )
    const [gate, next] = [ahead!, behind!].map(({ layers }) => cluster.proxy.blob(layers[0]!.digest))
    gate!.pause()
    // A pull of milliseconds would be over before the agent looks again; then the kubelet alone knows of it.
    next!.pause()
    const first = await story.deploy('ahead', ahead!.ref(cluster.registryHost))
    await story.event('the pull ahead', event => isOf(first)(event) && event.pull.phase === 'downloading')
    const second = await story.deploy('behind', behind!.ref(cluster.registryHost))
    const queued = await story.event(
      'the pull in the queue',
      event => isOf(second)(event) && event.pull.phase === 'queued',
    )
    assert.match(queued.pull.id, /^q-/)
    assert.match(await story.pulltrace('why', second), /queue.* behind one pull: .*shop\/ahead/s)
    // Less than a second is no queue, as the kubelet's times are cut to it.
    const inQueueMs = () => Date.now() - Date.parse(queued.pull.startedAt)
    await eventually('it has waited for a second', () => inQueueMs() >= 1000)
    gate!.resume()
    // Its start says so; or, when the agent looked while it was still resolving, what comes once its image is known.
    const started = await story.event('the pull that was queued', ({ pull }) =>
      (pull.replaces ?? []).includes(queued.pull.id),
    )
    assert.equal(started.pull.imageRef, behind!.ref(cluster.registryHost))
    assert.ok(started.pull.queuedMs! > 0)
    next!.resume()
    await story.event('its end', event => event.pull.id === started.pull.id && event.type === 'pull.completed')
  })

  const within = (gaps: readonly number[], wantedMs: number) => {
    const middle = median(gaps)
    assert.ok(Math.abs(middle - wantedMs) <= wantedMs / 10, `median ${middle} ms of ${gaps.join(' ')}`)
  }
  const patch = async (reportInterval: string) => {
    const spec = JSON.stringify({ spec: { reportInterval } })
    await story.kubectl('patch', 'ptc', 'pulltrace', '--type=merge', `--patch=${spec}`)
    const inForce = `--for=jsonpath={.status.reportInterval}=${reportInterval}`
    await story.kubectl('wait', inForce, 'ptc/pulltrace', '--timeout=30s')
  }

  it('reports at a new interval, with nothing to pull', async () => {
    await patch('500ms')
    await story.gaps(2)
    within(await story.gaps(20), 500)
  })

  it('reports at the interval while it pulls', async () => {
    const image = await story.cluster.push({ name: 'shop/slow', layers: [{ bytes: 3_000_000 }] })
    story.cluster.proxy.limit(200_000)
    await story.deploy('slow', image.ref(story.cluster.registryHost))
    await story.event('the pull', ({ pull }) => pull.imageRef.includes('shop/slow') && pull.phase === 'downloading')
    within(await story.gaps(20), 500)
    story.cluster.proxy.limit(undefined)
  })

  it('reports at an interval that was changed while the server was restarting', async () => {
    const deleted = story.kubectl('delete', 'pod', 'pulltrace-server-0', `-n=${system}`)
    await patch('1s')
    await deleted
    await story.kubectl('wait', '--for=create', 'pod/pulltrace-server-0', `-n=${system}`, '--timeout=60s')
    await story.kubectl('wait', '--for=condition=Ready', 'pod/pulltrace-server-0', `-n=${system}`, '--timeout=60s')
    await story.gaps(2)
    within(await story.gaps(12), 1000)
  })

  it('has restarted no agent, and has not touched the DaemonSet', async () => {
    assert.equal(await story.agentState(), agentBefore)
    assert.match(await story.kubectl('get', 'ptc', 'pulltrace', '--no-headers'), /\bTrue +1s +1\/1\b/)
  })

  it('takes everything away with the PulltraceConfig', async () => {
    await story.kubectl('delete', 'ptc', 'pulltrace')
    const kinds = 'daemonset,statefulset,service,configmap,secret,networkpolicy,controllerrevision,pod,pvc'
    const left = async () => {
      const made = '-l=app.kubernetes.io/component in (agent,server,settings,reader,rules,monitoring)'
      return story.kubectl('get', kinds, '--all-namespaces', made, '-o=name')
    }
    let names = ''
    await eventually(
      'everything is gone',
      async () => {
        names = await left()
        return names === '' ? true : undefined
      },
      60_000,
    ).catch(error => assert.fail(`${error.message}: ${names}`))
    const kept = await story.kubectl('get', 'deployment', 'pulltrace-operator', `-n=${system}`, '-o=name')
    assert.equal(kept.trim(), 'deployment.apps/pulltrace-operator')
  })
})
