import assert from 'node:assert/strict'
import { defaultRef } from '../../build/image/build-image.ts'
import type { WhyAnswer } from '../../cli/why/why.ts'
import { eventually } from '../eventually.ts'
import type { BuiltImage } from '../rig/images.ts'
import { untilServed } from './kinds.ts'
import { runPlugin } from './run-plugin.ts'
import { openStory, type Story, system } from './story.ts'

/** What `kubectl pulltrace` says of real pods, through a real API server, kubelet and containerd. */
describe('kubectl pulltrace on a real cluster', function () {
  this.timeout(180_000)
  let story: Story
  let image: BuiltImage
  /** Never runs, as it is random bytes. */
  let ref: string
  before(async function () {
    this.timeout(1_800_000) // The first time, Kubernetes and the image are built.
    story = await openStory()
    await story.kubectl('apply', '-f', 'config/install.yaml')
    await untilServed(story.cluster, 'pulltraceconfigs')
    await story.kubectl('apply', '-f', 'config/samples/pulltraceconfig.yaml')
    await story.kubectl('wait', '--for=condition=Ready', 'ptc/pulltrace', '--timeout=150s')
    image = await story.cluster.push({ name: 'shop/web', layers: [{ bytes: 3_000_000 }] })
    ref = image.ref(story.cluster.registryHost)
  })
  after(() => story?.stop())

  const run = (argv: readonly string[], seen?: (out: string, err: string) => boolean) =>
    runPlugin(argv, { kubeconfig: story.cluster.plane.kubeconfig(), limitMs: 90_000 }, seen)
  const why = async (pod: string, ...more: readonly string[]): Promise<WhyAnswer> => {
    const { code, out, err } = await run(['why', pod, '-o', 'json', ...more])
    assert.equal(code, 0, err)
    return JSON.parse(out) as WhyAnswer
  }
  const apply = (name: string, spec: object) =>
    story.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 0, ...spec },
    })
  /** The first answer that says this. */
  async function says(pod: string, text: RegExp): Promise<WhyAnswer> {
    let last = ''
    const ask = async () => {
      const answer = await why(pod)
      last = answer.text
      return text.test(last) ? answer : undefined
    }
    // A back-off comes with the second crash, each of which the kubelet sees a second or more later.
    return eventually('', ask, 90_000).catch((cause: Error) => {
      throw new Error(`why did not say ${text} of ${pod}, but: ${last || cause.message}`)
    })
  }
  const main1 = { name: 'main', image: defaultRef, imagePullPolicy: 'Never' }
  /** Ours is on the node, and does something: it ends, or waits. */
  const node = (script: string) => ({ ...main1, command: ['/usr/local/bin/node', '-e', script] })

  for (const { name, spec, text, waitsFor, state } of [
    {
      name: 'no-node',
      spec: () => ({ nodeSelector: { no: 'such' }, containers: [{ name: 'main', image: ref }] }),
      text: /^Pod default\/no-node waits for a node, and that has nothing to do with images: FailedScheduling: 0\/1 nodes are available: 1 node\(s\) didn't match/,
      waitsFor: 'scheduling',
    },
    {
      name: 'no-configmap',
      spec: () => ({ containers: [{ ...node('0'), envFrom: [{ configMapRef: { name: 'absent' } }] }] }),
      text: /waits for container main, and that has nothing to do with images: CreateContainerConfigError: configmap "absent" not found\.$/,
      waitsFor: 'other',
      state: 'trouble',
    },
    {
      name: 'no-volume',
      spec: () => ({
        containers: [{ ...node('0'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        volumes: [{ name: 'v', secret: { secretName: 'absent' } }],
      }),
      text: /the kubelet prepares volumes and network, and has not asked for an image yet\. FailedMount: .*secret "absent" not found\.$/,
      waitsFor: 'other',
      state: 'preparing',
    },
    {
      name: 'crashes',
      spec: () => ({ containers: [node('process.exit(3)')] }),
      text: /nothing to do with images: CrashLoopBackOff: back-off \d+s restarting failed container=main/,
      waitsFor: 'other',
      state: 'trouble',
    },
    {
      name: 'runs',
      spec: () => ({ containers: [node('setInterval(() => {}, 1e6)')] }),
      text: /^Pod default\/runs on node-1 waits for nothing: its images are here \(1 container ready\)\.$/,
      waitsFor: 'nothing',
      state: 'ready',
    },
    {
      name: 'done',
      spec: () => ({ restartPolicy: 'Never', containers: [node('0')] }),
      text: /has done its work and waits for nothing\.$/,
      waitsFor: 'nothing',
      state: 'done',
    },
    {
      name: 'unready',
      spec: () => ({
        containers: [
          { ...node('setInterval(() => {}, 1e6)'), readinessProbe: { exec: { command: ['/none'] }, periodSeconds: 1 } },
        ],
      }),
      text: /waits for nothing: its images are here \(container main running but not ready: Unhealthy: Readiness probe/,
      waitsFor: 'nothing',
      state: 'running',
    },
    {
      name: 'prepares',
      spec: () => ({
        initContainers: [{ ...node('setInterval(() => {}, 1e6)'), name: 'first' }],
        containers: [{ name: 'main', image: ref }],
      }),
      text: /waits for init container first, and that has nothing to do with images: it runs and has not ended yet\. Container main has its turn after that\.$/,
      waitsFor: 'other',
      state: 'working',
    },
    {
      name: 'never',
      spec: () => ({ containers: [{ name: 'main', image: 'shop/absent:v1', imagePullPolicy: 'Never' }] }),
      text: /waits for the image of container main, shop\/absent:v1: it is not on the node, and `imagePullPolicy` Never forbids to pull it/,
      waitsFor: 'image',
      state: 'failed',
    },
    {
      name: 'misnamed',
      spec: () => ({ containers: [{ name: 'main', image: 'A:B:C' }] }),
      text: /waits for the image of container main, A:B:C: that is not a valid image name/,
      waitsFor: 'image',
      state: 'failed',
    },
  ] as const) {
    it(`says what pod ${name} waits for`, async () => {
      await apply(name, spec())
      const answer = await says(name, text)
      assert.equal(answer.waitsFor, waitsFor)
      if (state !== undefined) assert.equal(answer.containers[0]!.state, state)
      await story.kubectl('delete', 'pod', name, '--wait=false')
    })
  }

  it('says when the kubelet tries again, and it does', async () => {
    const absent = ref.replace(/:v1$/, ':absent')
    await apply('backs-off', { containers: [{ name: 'main', image: absent }] })
    // Of two failures at least, so that the wait that doubles is seen.
    const { text, containers } = await eventually(
      'a second back-off',
      async () => {
        const answer = await why('backs-off')
        const [container] = answer.containers
        return container?.state === 'backOff' && /has failed 2 times/.test(answer.text) ? answer : undefined
      },
      60_000,
    )
    assert.match(
      text,
      /: the pull has failed 2 times, last \d+s ago: the registry has no such image \(NotFound: .*not found\)\. The kubelet tries again in about \d+s, at [\d:]{8} UTC\.$/,
    )
    const foretold = Date.parse(containers[0]!.retryAt!)
    const triedAt = await eventually(
      'the next try',
      async () => {
        const events = JSON.parse(
          await story.kubectl(
            'get',
            'events',
            '-o=json',
            '--field-selector=involvedObject.name=backs-off,reason=Pulling',
          ),
        )
        const [pulling] = events.items as { count: number; lastTimestamp: string }[]
        return (pulling?.count ?? 0) >= 3 ? Date.parse(pulling!.lastTimestamp) : undefined
      },
      90_000,
    )
    // The kubelet looks at a pod every minute at the least and after each back-off; its events have whole seconds.
    const lateSeconds = (triedAt - foretold) / 1000
    assert.ok(lateSeconds >= -2 && lateSeconds <= 20, `tried ${lateSeconds} s after it was foretold`)
    await story.kubectl('delete', 'pod', 'backs-off', '--wait=false')
  })

  it('streams through the kubelet, and goes on with the next pod of the server', async () => {
    const { proxy } = story.cluster
    proxy.blob(image.layers[0]!.digest).pause()
    await apply('slow', { containers: [{ name: 'main', image: ref }] })
    let deleted = false
    const { code, out, err } = await run(['watch', '--pod', 'slow'], (out, err) => {
      if (!deleted && /slow|shop\/web/.test(out)) {
        deleted = true
        void story.kubectl('delete', 'pod', 'pulltrace-server-0', `-n=${system}`, '--grace-period=1')
      }
      if (err.includes('connected again')) proxy.blob(image.layers[0]!.digest).resume()
      return /completed|done/.test(out)
    })
    assert.equal(code, 0, err)
    assert.match(
      err,
      /^pulltrace: pulls in namespace default \(-A: all\)\npulltrace: connection lost: .*\npulltrace: connected again\n$/,
      `${err}${out}`,
    )
  })
})
