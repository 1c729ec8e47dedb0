import assert from 'node:assert/strict'
import type { Pull } from '../../core/contract/pull.ts'
import { buildPull } from '../watch/event-server.fake.ts'
import { type Explanation, explain, pullsTellMore } from './explain.ts'
import {
  ago,
  buildEvent,
  buildPod,
  ended,
  failed,
  image,
  notFound,
  nowMs,
  podWarning,
  pulled,
  pulling,
  running,
  waiting,
} from './pod.fake.ts'
import type { EventView, PodView } from './pod-view.ts'

const mib = 1024 * 1024
const itsPods = [{ namespace: 'shop', podName: 'web', container: 'app', certain: true }]
const pull = (over: Partial<Pull> = {}) => buildPull({ imageRef: image, startedAt: ago(26), pods: itsPods, ...over })

interface Row {
  readonly name: string
  readonly pod?: PodView
  readonly events?: readonly EventView[]
  readonly pulls?: readonly Pull[]
  readonly waitsFor: Explanation['waitsFor']
  readonly state?: string
  readonly text: string
}

/** Rows in which a pull has something to say. */
const images: readonly Row[] = [
  {
    name: 'downloads',
    events: [pulling(26)],
    pulls: [
      pull({ totalBytes: 540 * mib, downloadedBytes: 312 * mib, percent: 57.8, bytesPerSec: 12 * mib, etaSeconds: 19 }),
    ],
    waitsFor: 'image',
    state: 'downloading',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: 312 of 540 MiB are here (57%), at 12.0 MiB/s, about 19s left; then it is unpacked.`,
  },
  {
    name: 'downloads what is not known in size',
    events: [pulling(26)],
    pulls: [
      {
        ...without(
          pull({ downloadedBytes: 3 * mib, totalKnown: false }),
          'totalBytes',
          'percent',
          'bytesPerSec',
          'etaSeconds',
        ),
      },
    ],
    waitsFor: 'image',
    state: 'downloading',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: 3.0 MiB are here; its size is not known yet.`,
  },
  {
    name: 'is stalled on a node that is silent',
    events: [pulling(90)],
    pulls: [{ ...without(pull({ stalledSince: ago(32), stale: true }), 'bytesPerSec', 'etaSeconds') }],
    waitsFor: 'image',
    state: 'downloading',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: 62.0 of 100 MiB are here (62%). No byte has come for 32s: it is stalled. Its node has stopped reporting: this is what was last known.`,
  },
  {
    name: 'is queued behind others',
    events: [pulling(40)],
    pulls: [
      pull({ id: 'q-u1-app-1', phase: 'queued', phaseStartedAt: { queued: ago(40) }, startedAt: ago(40) }),
      buildPull({ id: 'b', imageRef: 'b:2', phase: 'resolving', startedAt: ago(2) }),
      buildPull({ id: 'a', imageRef: 'a:1', etaSeconds: 3 }),
      buildPull({ id: 'later', imageRef: 'later:1', phase: 'queued', startedAt: ago(1) }),
      buildPull({ id: 'elsewhere', nodeName: 'node-b' }),
    ],
    waitsFor: 'image',
    state: 'queued',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: it has been in the kubelet's queue for 40s, behind 2 pulls: a:1 (62.0 of 100 MiB, about 3s left) and b:2 (resolving).`,
  },
  {
    name: 'is queued behind nothing',
    events: [pulling(1)],
    pulls: [pull({ phase: 'queued', phaseStartedAt: { queued: ago(1) } })],
    waitsFor: 'image',
    state: 'queued',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: it has been in the kubelet's queue for 1s, with nothing before it: it should begin at once.`,
  },
  {
    name: 'is queued behind many',
    events: [pulling(5)],
    pulls: [
      pull({ id: 'own', phase: 'queued', phaseStartedAt: { queued: ago(5) }, startedAt: ago(5) }),
      ...['1', '2', '3', '4', '5'].map(id =>
        buildPull({ id, imageRef: `i:${id}`, phase: 'unpacking', startedAt: ago(99 - Number(id)) }),
      ),
    ],
    waitsFor: 'image',
    state: 'queued',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: it has been in the kubelet's queue for 5s, behind 5 pulls: i:1 (unpacking), i:2 (unpacking), i:3 (unpacking) and 2 more.`,
  },
  {
    name: 'resolves',
    events: [pulling(4)],
    pulls: [pull({ phase: 'resolving', phaseStartedAt: { resolving: ago(3) } })],
    waitsFor: 'image',
    state: 'resolving',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: its registry was asked 3s ago and has not answered in full yet.`,
  },
  {
    name: 'unpacks',
    events: [pulling(30)],
    pulls: [pull({ phase: 'unpacking', phaseStartedAt: { unpacking: ago(5) } })],
    waitsFor: 'image',
    state: 'unpacking',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: all 100 MiB are here, and have been unpacked for 5s (2 of 5 layers are done).`,
  },
  {
    name: 'is served lazily',
    events: [pulling(3)],
    pulls: [pull({ phase: 'lazy' })],
    waitsFor: 'image',
    state: 'lazy',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: its snapshotter fetches nothing up front, so the container starts without waiting for its bytes.`,
  },
  {
    name: 'is done this second',
    events: [pulling(9)],
    pulls: [pull({ phase: 'completed', completedAt: ago(1) })],
    waitsFor: 'image',
    state: 'completed',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: its pull was done 1s ago, and the kubelet starts the container next.`,
  },
  {
    name: 'ended, how is not known',
    events: [pulling(9)],
    pulls: [pull({ phase: 'unknown', completedAt: ago(2) })],
    waitsFor: 'image',
    state: 'unknown',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: how its pull ended 2s ago is not known: there is no evidence.`,
  },
  {
    name: 'was asked for, and no pull is known',
    events: [pulling(2)],
    pulls: [],
    waitsFor: 'image',
    state: 'pulling',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: the kubelet asked for it 2s ago, and the server knows of no such pull yet.`,
  },
  {
    name: 'was asked for, and no server could be asked',
    events: [pulling(12)],
    waitsFor: 'image',
    state: 'pulling',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: the kubelet asked for it 12s ago, and how far it is cannot be told.`,
  },
  {
    name: 'is likely that of the same image where pods are not named',
    events: [pulling(2)],
    pulls: [
      pull({ pods: [], phase: 'resolving', phaseStartedAt: { resolving: ago(2) } }),
      pull({ id: 'old', pods: [], phase: 'completed', completedAt: ago(3600) }),
    ],
    waitsFor: 'image',
    state: 'resolving',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: its registry was asked 2s ago and has not answered in full yet. That it is this pull is likely, not certain.`,
  },
  {
    name: 'backs off after failures whose code is known',
    pod: buildPod({
      status: {
        containerStatuses: [
          waiting('app', 'ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${notFound}`),
        ],
      },
    }),
    events: [pulling(12), failed(notFound, 12, 3), buildEvent('BackOff', `Back-off pulling image "${image}"`, 1)],
    pulls: [pull({ phase: 'failed', errorCode: 'NotFound', error: 'not found', completedAt: ago(12) })],
    waitsFor: 'image',
    state: 'backOff',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: the pull has failed 3 times, last 12s ago: the registry has no such image (NotFound: ${image}: not found). The kubelet tries again in about 28s, at 10:00:58 UTC.`,
  },
  {
    name: 'backs off, and no server could be asked',
    pod: buildPod({
      status: {
        containerStatuses: [
          waiting('app', 'ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${notFound}`),
        ],
      },
    }),
    waitsFor: 'image',
    state: 'backOff',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: the pull failed: the registry has no such image (NotFound: ${image}: not found). The kubelet tries again at most 5 minutes after the last time.`,
  },
  {
    name: 'has just failed for the first time',
    pod: buildPod({ status: { containerStatuses: [waiting('app', 'ErrImagePull', notFound)] } }),
    events: [pulling(11), failed(notFound, 11)],
    pulls: [],
    waitsFor: 'image',
    state: 'failed',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: the pull failed, 11s ago: the registry has no such image (NotFound: ${image}: not found). The kubelet is about to try again.`,
  },
  {
    name: 'has failed this second, which its status does not say yet',
    events: [pulling(0), failed(notFound, 0)],
    pulls: [],
    waitsFor: 'image',
    state: 'failed',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: the pull failed, 0s ago: the registry has no such image (NotFound: ${image}: not found). The kubelet tries again in about 10s, at 10:00:40 UTC.`,
  },
  {
    name: 'is pulled again after it failed',
    pod: buildPod({ status: { containerStatuses: [waiting('app', 'ErrImagePull', notFound)] } }),
    events: [pulling(2), failed(notFound, 15)],
    pulls: [
      pull({ id: 'one', phase: 'failed', errorCode: 'NotFound', completedAt: ago(15) }),
      pull({ id: 'two', phase: 'downloading' }),
    ],
    waitsFor: 'image',
    state: 'downloading',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: 62.0 of 100 MiB are here (62%), at 12.5 MiB/s, about 3s left; then it is unpacked. It has failed once before.`,
  },
  {
    name: 'is no image name',
    pod: buildPod({
      spec: { containers: [{ name: 'app', image: 'A:B:C' }] },
      status: { containerStatuses: [waiting('app', 'InvalidImageName', 'Failed to apply default image tag "A:B:C"')] },
    }),
    waitsFor: 'image',
    state: 'failed',
    text: 'Pod shop/web on node-a waits for the image of container app, A:B:C: that is not a valid image name (InvalidImageName: Failed to apply default image tag "A:B:C").',
  },
  {
    name: 'may not be pulled',
    pod: buildPod({ status: { containerStatuses: [waiting('app', 'ErrImageNeverPull')] } }),
    waitsFor: 'image',
    state: 'failed',
    text: `Pod shop/web on node-a waits for the image of container app, ${image}: it is not on the node, and \`imagePullPolicy\` Never forbids to pull it.`,
  },
]

function without<T extends object, K extends keyof T>(value: T, ...keys: K[]): Omit<T, K> & { [P in K]?: never } {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key as K))) as never
}

const unscheduled = { spec: { containers: [{ name: 'app', image }] } }
/** `nodeName` of buildPod is left out. */
const pending = (status: PodView['status']): PodView => ({
  ...buildPod({}),
  ...unscheduled,
  status: { phase: 'Pending', ...status },
})

/** Rows that no server need be asked for. */
const others: readonly Row[] = [
  {
    name: 'has no node that takes it',
    pod: pending({
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: '0/3 nodes are available: 3 Insufficient cpu.',
        },
      ],
    }),
    waitsFor: 'scheduling',
    text: 'Pod shop/web waits for a node, and that has nothing to do with images: FailedScheduling: 0/3 nodes are available: 3 Insufficient cpu.',
  },
  {
    name: 'is held back by a gate',
    pod: pending({
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ],
    }),
    waitsFor: 'scheduling',
    text: 'Pod shop/web waits for a node, and that has nothing to do with images: SchedulingGated: Scheduling is blocked due to non-empty scheduling gates.',
  },
  {
    name: 'is new to the scheduler',
    pod: pending({}),
    waitsFor: 'scheduling',
    text: 'Pod shop/web waits for a node, and that has nothing to do with images: no scheduler has looked at it yet.',
  },
  {
    name: 'runs',
    pod: buildPod({ status: { phase: 'Running', containerStatuses: [running('app')] } }),
    waitsFor: 'nothing',
    state: 'ready',
    text: 'Pod shop/web on node-a waits for nothing: its images are here (1 container ready).',
  },
  {
    name: 'runs and is not ready',
    pod: buildPod({ status: { phase: 'Running', containerStatuses: [running('app', false)] } }),
    events: [{ ...buildEvent('Unhealthy', 'Readiness probe failed: connection refused', 3), type: 'Warning' }],
    waitsFor: 'nothing',
    state: 'running',
    text: 'Pod shop/web on node-a waits for nothing: its images are here (container app running but not ready: Unhealthy: Readiness probe failed: connection refused).',
  },
  {
    name: 'crashes',
    pod: buildPod({
      status: {
        phase: 'Running',
        containerStatuses: [
          waiting('app', 'CrashLoopBackOff', 'back-off 5m0s restarting failed container=app pod=web_shop(u1)'),
        ],
      },
    }),
    waitsFor: 'other',
    state: 'trouble',
    text: 'Pod shop/web on node-a waits for container app, and that has nothing to do with images: CrashLoopBackOff: back-off 5m0s restarting failed container=app pod=web_shop(u1).',
  },
  {
    name: 'lacks a ConfigMap',
    pod: buildPod({
      status: { containerStatuses: [waiting('app', 'CreateContainerConfigError', 'configmap "x" not found')] },
    }),
    events: [pulled(3)],
    waitsFor: 'other',
    state: 'trouble',
    text: 'Pod shop/web on node-a waits for container app, and that has nothing to do with images: CreateContainerConfigError: configmap "x" not found.',
  },
  {
    name: 'waits for a volume',
    events: [podWarning('FailedMount', 'MountVolume.SetUp failed for volume "s" : secret "s" not found', 4)],
    waitsFor: 'other',
    state: 'preparing',
    text: 'Pod shop/web on node-a waits for container app, and that has nothing to do with images: the kubelet prepares volumes and network, and has not asked for an image yet. FailedMount: MountVolume.SetUp failed for volume "s" : secret "s" not found.',
  },
  {
    name: 'is created, after a warning of before',
    events: [podWarning('FailedMount', 'not any more', 60), pulling(9), pulled(2)],
    waitsFor: 'other',
    state: 'preparing',
    text: 'Pod shop/web on node-a waits for container app, and that has nothing to do with images: its image is here, and the kubelet creates it.',
  },
  {
    name: 'is being deleted',
    pod: buildPod({ metadata: { namespace: 'shop', name: 'web', deletionTimestamp: ago(1) } }),
    waitsFor: 'nothing',
    text: 'Pod shop/web on node-a is being deleted.',
  },
  {
    name: 'is done',
    pod: buildPod({ status: { phase: 'Succeeded', containerStatuses: [ended('app', 0)] } }),
    waitsFor: 'nothing',
    state: 'done',
    text: 'Pod shop/web on node-a has done its work and waits for nothing.',
  },
  {
    name: 'was evicted',
    pod: buildPod({ status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } }),
    waitsFor: 'nothing',
    text: 'Pod shop/web on node-a has failed and is not started again: Evicted: The node was low on resource: memory.',
  },
]

describe('explain', () => {
  for (const { name, pod = buildPod({}), events = [], pulls, waitsFor, state, text } of [...images, ...others]) {
    it(`tells of a pod that ${name}`, () => {
      const explanation = explain({ pod, events, pulls }, nowMs)
      assert.equal(explanation.text, text)
      assert.equal(explanation.waitsFor, waitsFor)
      if (state !== undefined) assert.equal(explanation.containers[0]!.state, state)
    })
  }

  it('asks for pulls only where they can say more', () => {
    const asked = (row: Row) => pullsTellMore({ pod: row.pod ?? buildPod({}), events: row.events ?? [] })
    assert.deepEqual([...new Set(images.map(asked))], ['yes'])
    const perhaps = others.filter(row => asked(row) === 'perhaps')
    assert.deepEqual(
      perhaps.map(({ name }) => name),
      ['waits for a volume'],
    )
    assert.deepEqual(
      others.filter(row => asked(row) === 'yes'),
      [],
    )
  })

  it('tells of a pull that takes longer than events are kept', () => {
    const { text, waitsFor } = explain({ pod: buildPod({}), events: [], pulls: [pull()] }, nowMs)
    assert.equal(waitsFor, 'image')
    assert.match(text, /waits for the image of container app, .*: 62\.0 of 100 MiB are here/)
  })

  it('takes no pull that may be of others for what a pod without news waits for', () => {
    const pulls = [pull({ pods: [] }), pull({ phase: 'completed', completedAt: ago(5) })]
    assert.equal(explain({ pod: buildPod({}), events: [], pulls }, nowMs).waitsFor, 'other')
  })

  const two = {
    containers: [
      { name: 'app', image },
      { name: 'proxy', image: 'proxy:2' },
    ],
  }
  const init = { initContainers: [{ name: 'prepare', image: 'init:1' }], ...two }
  const both = [waiting('app', 'PodInitializing'), waiting('proxy', 'PodInitializing')]

  it('tells of the init container whose turn it is, and whose turn comes after', () => {
    const pod = buildPod({
      spec: { nodeName: 'node-a', ...init },
      status: {
        phase: 'Pending',
        initContainerStatuses: [waiting('prepare', 'PodInitializing')],
        containerStatuses: both,
      },
    })
    const { text, containers } = explain(
      { pod, events: [pulling(5, { container: 'prepare', init: true })], pulls: [] },
      nowMs,
    )
    assert.match(
      text,
      /waits for the image of init container prepare, init:1: .*\. Container app and container proxy have their turn after that\.$/,
    )
    assert.deepEqual(
      containers.map(({ name, init, state }) => [name, init, state]),
      [
        ['prepare', true, 'pulling'],
        ['app', false, 'behind'],
        ['proxy', false, 'behind'],
      ],
    )
  })

  it('tells of an init container that works, as what is waited for', () => {
    const pod = buildPod({
      spec: { nodeName: 'node-a', ...init },
      status: { phase: 'Pending', initContainerStatuses: [running('prepare', false)], containerStatuses: both },
    })
    const { text, waitsFor } = explain({ pod, events: [], pulls: [] }, nowMs)
    assert.equal(waitsFor, 'other')
    assert.equal(
      text,
      'Pod shop/web on node-a waits for init container prepare, and that has nothing to do with images: it runs and has not ended yet. Container app and container proxy have their turn after that.',
    )
  })

  it('goes past a sidecar that has started, not past one that has not', () => {
    const spec = {
      nodeName: 'node-a',
      initContainers: [{ name: 'mesh', image: 'mesh:1', restartPolicy: 'Always' }],
      ...two,
    }
    const states = (started: boolean) => {
      const mesh = { ...running('mesh'), started }
      const status = { phase: 'Pending', initContainerStatuses: [mesh], containerStatuses: both }
      return explain({ pod: buildPod({ spec, status }), events: [], pulls: [] }, nowMs).containers.map(
        ({ state }) => state,
      )
    }
    assert.deepEqual(states(true), ['ready', 'preparing', 'preparing'])
    assert.deepEqual(states(false), ['working', 'behind', 'behind'])
  })

  it('tells of every container that waits, images and others', () => {
    const pod = buildPod({
      spec: { nodeName: 'node-a', ...two },
      status: {
        phase: 'Pending',
        containerStatuses: [
          waiting('app', 'CreateContainerConfigError', 'secret "s" not found'),
          waiting('proxy', 'ErrImagePull', 'boom'),
        ],
      },
    })
    const { text, waitsFor } = explain({ pod, events: [], pulls: [] }, nowMs)
    assert.equal(waitsFor, 'image')
    assert.equal(
      text,
      'Pod shop/web on node-a waits for container app, and that has nothing to do with images: CreateContainerConfigError: secret "s" not found. It waits for the image of container proxy, proxy:2: the pull failed: boom. The kubelet tries again at most 5 minutes after the last time.',
    )
  })

  it('holds nothing that a terminal would obey, whatever a cluster says', () => {
    const evil = 'a\u001B]0;x\u0007\n\u202Eb'
    const pod = buildPod({
      spec: { nodeName: evil, containers: [{ name: evil, image: evil }] },
      status: { phase: 'Pending', containerStatuses: [waiting(evil, 'ErrImagePull', evil)] },
    })
    const pulls = [buildPull({ nodeName: evil, imageRef: evil, phase: 'failed', error: evil, completedAt: ago(1) })]
    const { text } = explain({ pod, events: [failed(evil, 3), podWarning(evil, evil, 1)], pulls }, nowMs)
    assert.match(text, /^[^\p{Cc}\p{Bidi_Control}]+$/u)
  })
})
