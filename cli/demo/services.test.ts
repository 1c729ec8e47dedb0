import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { ImageCreate } from '../../proto/generated/containerd/events/image.ts'
import { ContentClient } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { EventsClient } from '../../proto/generated/containerd/services/events/v1/events.ts'
import { ImagesClient } from '../../proto/generated/containerd/services/images/v1/images.ts'
import { LeasesClient } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { NamespacesClient } from '../../proto/generated/containerd/services/namespaces/v1/namespace.ts'
import { Kind, SnapshotsClient } from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import { VersionClient } from '../../proto/generated/containerd/services/version/v1/version.ts'
import type { Envelope } from '../../proto/generated/containerd/types/event.ts'
import { openDemoSocket } from './listen.ts'
import { DemoRuntime } from './runtime.ts'

type Callback<A> = (error: ServiceError | null, answer: A) => void
const ask = <A>(call: (callback: Callback<A>) => unknown) =>
  new Promise<A>((resolve, reject) => call((error, answer) => (error ? reject(error) : resolve(answer))))
const readAll = <A>(stream: ClientReadableStream<A>) => stream.toArray() as Promise<A[]>

const ref = 'registry.example.com/team/app:v1'
const layers = [
  { name: 'base', bytes: 4_000_000 },
  { name: 'app', bytes: 2_000_000 },
]

describe('the demo runtime, through gRPC', () => {
  const clients: Client[] = []
  const metadata = new Metadata()
  metadata.set('containerd-namespace', 'k8s.io')
  let folder: string
  let socket: string
  let clock: FakeClock
  let runtime: DemoRuntime
  let served: { close(): Promise<void> }

  const open = <C extends Client>(
    Made: new (address: string, secure: ReturnType<typeof credentials.createInsecure>) => C,
  ) => {
    const client = new Made(`unix:${socket}`, credentials.createInsecure())
    clients.push(client)
    return client
  }

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-demo-'))
    socket = path.join(folder, 'demo.sock')
    clock = new FakeClock(1_800_000_000_123)
    runtime = new DemoRuntime({ clock, seed: 1 })
    served = await openDemoSocket(runtime, socket)
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await served.close()
    await rm(folder, { recursive: true })
  })

  /** Nothing on the wire says when a subscription is in force: it is told by the runtime. */
  const nextSubscription = () => {
    const subscribe = runtime.subscribe.bind(runtime)
    return new Promise<void>(resolve => {
      runtime.subscribe = listener => {
        resolve()
        return subscribe(listener)
      }
    })
  }

  it('moves when it is asked, not only when it is ticked', async () => {
    const { lease, image } = runtime.startPull({ ref, layers }, { rate: 1_000_000, resolveMs: 0 })
    clock.advance(2_000)
    const leases = open(LeasesClient)
    const list = await ask<{ leases: { id: string; createdAt: unknown }[] }>(reply =>
      leases.list({ filters: [] }, metadata, reply),
    )
    assert.deepEqual(
      list.leases.map(found => [found.id, found.createdAt]),
      [[lease.id, { seconds: 1_800_000_000, nanos: 123_000_000 }]],
    )
    const { resources } = await ask<{ resources: { type: string; id: string }[] }>(reply =>
      leases.listResources({ id: lease.id }, metadata, reply),
    )
    assert.deepEqual(resources.map(resource => resource.type).sort(), [
      'content',
      'content',
      'ingests',
      'ingests',
      'snapshots/overlayfs',
    ])
    const content = open(ContentClient)
    const { statuses } = await ask<{ statuses: object[] }>(reply =>
      content.listStatuses({ filters: ['ref~=^layer-'] }, metadata, reply),
    )
    assert.equal(statuses.length, 2)
    assert.partialDeepStrictEqual(statuses[0], {
      ref: `layer-${image.layers[0]!.digest}`,
      offset: 0,
      total: 4_000_000,
      expected: '',
    })
  })

  it('reads the documents of a finished image, in parts when asked', async () => {
    const { image } = runtime.startPull({ ref, layers }, { rate: 100e6 })
    clock.advance(5_000)
    const content = open(ContentClient)
    const { digest, bytes, size } = image.manifest
    const parts = await readAll(content.read({ digest, offset: 0, size: 0 }, metadata))
    assert.deepEqual(Buffer.concat(parts.map(part => part.data)), bytes)
    const middle = await readAll(content.read({ digest, offset: 10, size: 20 }, metadata))
    assert.deepEqual(middle, [{ offset: 10, data: bytes.subarray(10, 30) }])
    const { info } = await ask<{ info: object | undefined }>(reply => content.info({ digest }, metadata, reply))
    assert.partialDeepStrictEqual(info, { digest, size })
    const listed = await readAll(content.list({ filters: ['labels."containerd.io/uncompressed"'] }, metadata))
    assert.equal(listed.flatMap(page => page.info).length, 2)
    const images = open(ImagesClient)
    const filters = [`target.digest==${digest}`]
    const records = await ask<{ images: { name: string }[] }>(reply => images.list({ filters }, metadata, reply))
    assert.equal(records.images.length, 3)
    const snapshots = open(SnapshotsClient)
    const request = { snapshotter: 'overlayfs', filters: ['kind==committed'] }
    const committed = (await readAll(snapshots.list(request, metadata))).flatMap(page => page.info)
    assert.deepEqual(
      committed.map(({ name, kind }) => [name, kind]),
      image.layers.map(layer => [layer.chainId, Kind.COMMITTED]),
    )
  })

  it('sends events of every namespace to whom they match', async () => {
    const subscribed = nextSubscription()
    const stream = open(EventsClient).subscribe({ filters: ['topic=="/images/create"', 'topic=="/images/update"'] })
    stream.on('error', () => {})
    await subscribed
    const seen: Envelope[] = []
    const three = new Promise<void>(resolve => {
      stream.on('data', (event: Envelope) => seen.push(event) === 3 && resolve())
    })
    runtime.startPull({ ref, layers }, { rate: 100e6, namespace: 'other' })
    clock.advance(5_000)
    runtime.advance()
    await three
    assert.deepEqual([seen[0]!.namespace, seen[0]!.topic], ['other', '/images/create'])
    assert.equal(seen[0]!.event!.typeUrl, 'containerd.services.images.v1.ImageCreate')
    assert.equal(ImageCreate.decode(seen[0]!.event!.value).name, ref)
    stream.cancel()
  })

  it('ends the stream of a subscriber that leaves too many events unread, and serves on', async () => {
    const subscribed = nextSubscription()
    const stream = open(EventsClient).subscribe({ filters: [] })
    await subscribed
    const target = { mediaType: '', digest: '', size: 0 }
    for (let i = 0; i < 20_000; i++) runtime.namespace('k8s.io').saveImage(ref, target, {})
    const read = await readAll(stream).then(
      () => assert.fail('the stream goes on'),
      (error: ServiceError) => error,
    )
    assert.equal(read.code, status.RESOURCE_EXHAUSTED)
    assert.match((await ask<{ version: string }>(reply => open(VersionClient).version({}, reply))).version, /demo/)
  })

  it('lists the namespaces that were used, and does not make one by reading it', async () => {
    runtime.startPull({ ref, layers }, { rate: 1 })
    const elsewhere = new Metadata()
    elsewhere.set('containerd-namespace', 'nobody')
    assert.deepEqual(await ask(reply => open(LeasesClient).list({ filters: [] }, elsewhere, reply)), { leases: [] })
    const listed = await ask<{ namespaces: { name: string }[] }>(reply => open(NamespacesClient).list({}, reply))
    assert.deepEqual(
      listed.namespaces.map(({ name }) => name),
      ['k8s.io'],
    )
  })

  it('says that it is a demo', async () => {
    const { version, revision } = await ask<{ version: string; revision: string }>(reply =>
      open(VersionClient).version({}, reply),
    )
    assert.match(`${version} ${revision}`, /^2\.\d+\.\d+\+demo demo$/)
  })

  const digest = `sha256:${'0'.repeat(64)}`
  const faults: { name: string; call: () => Promise<unknown>; code: status; details: string }[] = [
    {
      name: 'a blob that is not there',
      call: () => ask(reply => open(ContentClient).info({ digest }, metadata, reply)),
      code: status.NOT_FOUND,
      details: `content ${digest}: not found`,
    },
    {
      name: 'the bytes of a blob that is not there',
      call: () => readAll(open(ContentClient).read({ digest, offset: 0, size: 0 }, metadata)),
      code: status.NOT_FOUND,
      details: `content ${digest}: not found`,
    },
    {
      name: 'an ingest that is not there',
      call: () => ask(reply => open(ContentClient).status({ ref: 'layer-x' }, metadata, reply)),
      code: status.NOT_FOUND,
      details: 'ingest ref "layer-x": not found',
    },
    {
      name: 'an image that is not there',
      call: () => ask(reply => open(ImagesClient).get({ name: ref }, metadata, reply)),
      code: status.NOT_FOUND,
      details: `image "${ref}": not found`,
    },
    {
      name: 'a lease that is not there',
      call: () => ask(reply => open(LeasesClient).listResources({ id: 'gone' }, metadata, reply)),
      code: status.NOT_FOUND,
      details: 'lease "gone": not found',
    },
    {
      name: 'a snapshot that is not there',
      call: () => ask(reply => open(SnapshotsClient).stat({ snapshotter: 'overlayfs', key: 'x' }, metadata, reply)),
      code: status.NOT_FOUND,
      details: 'snapshot x does not exist: not found',
    },
    {
      name: 'a snapshotter that is not there',
      call: () => readAll(open(SnapshotsClient).list({ snapshotter: 'zfs', filters: [] }, metadata)),
      code: status.INVALID_ARGUMENT,
      details: 'snapshotter not loaded: zfs: invalid argument',
    },
    {
      name: 'a call without a namespace',
      call: () => ask(reply => open(LeasesClient).list({ filters: [] }, reply)),
      code: status.FAILED_PRECONDITION,
      details: 'namespace is required: failed precondition',
    },
    {
      name: 'a filter that cannot be read',
      call: () => ask(reply => open(LeasesClient).list({ filters: ['=='] }, metadata, reply)),
      code: status.INVALID_ARGUMENT,
      details: "cannot parse filter '==': invalid argument",
    },
    {
      name: 'an event filter that cannot be read',
      call: () => readAll(open(EventsClient).subscribe({ filters: ['=='] })),
      code: status.INVALID_ARGUMENT,
      details: "cannot parse filter '==': invalid argument",
    },
    {
      name: 'a call that changes something',
      call: () =>
        ask(reply =>
          open(Client).makeUnaryRequest(
            '/containerd.services.leases.v1.Leases/Delete',
            () => Buffer.alloc(0),
            bytes => bytes,
            {},
            metadata,
            reply as Callback<unknown>,
          ),
        ),
      code: status.UNIMPLEMENTED,
      details: 'The server does not implement the method /containerd.services.leases.v1.Leases/Delete',
    },
  ]
  for (const { name, call, code, details } of faults) {
    it(`answers ${name} with ${status[code]}`, async () => {
      await assert.rejects(call(), { code, details })
    })
  }
})
