import assert from 'node:assert/strict'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import type { RuntimeEvent } from './containerd-namespace.ts'
import type { ImageSpec } from './image.ts'
import { DemoRuntime } from './runtime.ts'

const MiB = 1024 * 1024
const base = { name: 'base', bytes: 4 * MiB }
const imageOf = (name: string, ...own: number[]): ImageSpec => ({
  ref: `registry.example.com/team/${name}:v1`,
  layers: [base, ...own.map((mebibytes, i) => ({ name: `${name}-${i}`, bytes: mebibytes * MiB }))],
})

function startRuntime(seed = 1) {
  const clock = new FakeClock(1_800_000_000_000)
  const runtime = new DemoRuntime({ clock, seed })
  const events: RuntimeEvent[] = []
  runtime.subscribe(event => events.push(event))
  const namespace = runtime.namespace('k8s.io')
  const pass = (ms: number) => {
    clock.advance(ms)
    runtime.advance()
  }
  const offsets = () => [...namespace.ingests.values()].map(ingest => ingest.offset / MiB)
  const resources = (id: string) => [...(namespace.leases.get(id)?.resources.keys() ?? [])]
  return { runtime, namespace, clock, events, pass, offsets, resources }
}

describe('DemoRuntime', () => {
  it('shows a lease without content until the registry has answered', () => {
    const { runtime, pass, resources } = startRuntime()
    const { lease } = runtime.startPull(imageOf('app'), { rate: MiB, resolveMs: 500 })
    pass(400)
    assert.match(lease.id, /^\d+-[\w-]{4}$/)
    assert.deepEqual(Object.keys(lease.labels), ['containerd.io/gc.expire'])
    assert.deepEqual(resources(lease.id), [])
  })

  it('opens every ingest at once and moves at most three, in steps of 1 MiB', () => {
    const { runtime, pass, offsets } = startRuntime()
    runtime.startPull(imageOf('app', 4, 4, 4), { rate: 3 * MiB, resolveMs: 0 })
    pass(1_700)
    assert.deepEqual(offsets(), [1, 1, 1, 0])
  })

  it('prepares the bottom extraction before any byte of a layer', () => {
    const { runtime, namespace, pass, resources, offsets } = startRuntime()
    const { lease, image } = runtime.startPull(imageOf('app', 1), { rate: 1000, resolveMs: 0 })
    pass(300)
    const key = resources(lease.id).find(name => name.startsWith('snapshots/overlayfs extract-'))
    assert.ok(key?.endsWith(` ${image.layers[0]!.chainId}`), key)
    assert.deepEqual(offsets(), [0, 0])
    assert.deepEqual(
      [...namespace.snapshots.values()].map(snapshot => snapshot.kind),
      ['active'],
    )
  })

  it('ends with records, labels and committed chain ids, and without the lease', async () => {
    const { runtime, namespace, events, pass } = startRuntime()
    const pull = runtime.startPull(imageOf('app', 1), { rate: 50 * MiB })
    const { image } = pull
    pass(5_000)
    assert.equal(await pull.done, 'completed')
    assert.equal(namespace.leases.size + namespace.ingests.size, 0)
    assert.deepEqual(
      [...namespace.images.keys()],
      [image.ref, image.config.digest, `registry.example.com/team/app@${image.manifest.digest}`],
    )
    const top = image.layers[1]!
    assert.equal(
      namespace.blobs.get(image.config.digest)!.labels['containerd.io/gc.ref.snapshot.overlayfs'],
      top.chainId,
    )
    assert.deepEqual(namespace.blobs.get(top.digest)!.labels, {
      'containerd.io/distribution.source.registry.example.com': 'team/app',
      'containerd.io/uncompressed': top.diffId,
    })
    assert.equal(namespace.snapshots.get(top.chainId)!.parent, image.layers[0]!.chainId)
    const topics = events.map(event => event.topic)
    assert.deepEqual(topics.slice(0, 3), ['/content/create', '/content/create', '/snapshot/prepare'])
    assert.deepEqual(topics.slice(-4), ['/snapshot/commit', '/images/create', '/images/create', '/images/create'])
  })

  it('lets a second pull wait for a layer that the first one fetches and unpacks', async () => {
    const { runtime, namespace, pass, resources } = startRuntime()
    const first = runtime.startPull(imageOf('first', 1), { rate: 2 * MiB })
    const second = runtime.startPull(imageOf('second', 2), { rate: 2 * MiB })
    pass(1_500)
    const { manifest, config, layers } = second.image
    assert.deepEqual(resources(second.lease.id), [`content ${manifest.digest}`, `content ${config.digest}`])
    pass(2_000)
    assert.equal(await first.done, 'completed')
    assert.ok(resources(second.lease.id).includes(`snapshots/overlayfs ${layers[0]!.chainId}`))
    assert.ok(!resources(second.lease.id).includes(`content ${layers[0]!.digest}`))
    pass(2_000)
    assert.equal(await second.done, 'completed')
    assert.equal([...namespace.blobs.values()].filter(blob => blob.size === base.bytes).length, 1)
  })

  it('pulls two tags of one image at once, and fetches its content once', async () => {
    const { runtime, namespace, events, pass, resources } = startRuntime()
    const image = imageOf('app', 1)
    const one = runtime.startPull(image, { rate: MiB })
    const other = runtime.startPull({ ...image, ref: 'registry.example.com/team/app:latest' }, { rate: MiB })
    pass(1_000)
    assert.deepEqual(
      resources(other.lease.id).filter(name => !name.startsWith('content')),
      [],
    )
    pass(10_000)
    assert.deepEqual([await one.done, await other.done], ['completed', 'completed'])
    assert.equal(events.filter(event => event.topic === '/content/create').length, 4)
    assert.ok(namespace.images.has('registry.example.com/team/app:latest') && namespace.images.has(image.ref))
  })

  it('lets the second pull take over when the first one is cut', async () => {
    const { runtime, namespace, pass } = startRuntime()
    const first = runtime.startPull(imageOf('first', 1), { rate: MiB })
    const second = runtime.startPull(imageOf('second', 2), { rate: 2 * MiB })
    pass(1_500)
    first.cut()
    pass(5_000)
    assert.equal(await second.done, 'completed')
    assert.ok(namespace.images.has(second.image.ref) && !namespace.images.has(first.image.ref))
  })

  for (const end of ['cut', 'cancel'] as const) {
    it(`takes the lease and then all that only it held when a pull is ${end === 'cut' ? 'cut' : 'cancelled'}`, async () => {
      const { runtime, namespace, events, pass, offsets } = startRuntime()
      const pull = runtime.startPull(imageOf('app'), { rate: MiB, resolveMs: 0 })
      pass(1_500)
      pull[end]()
      assert.equal(await pull.done, end === 'cut' ? 'failed' : 'cancelled')
      assert.equal(namespace.leases.size, 0)
      assert.ok(!Number.isInteger(offsets()[0]), 'the last offset is exact')
      assert.equal(events.at(-1)?.topic, '/snapshot/remove')
      pass(100)
      assert.equal(namespace.blobs.size + namespace.ingests.size + namespace.snapshots.size, 0)
    })
  }

  it('lets the next pull go on in the ingest of one that was cancelled', async () => {
    const { runtime, namespace, pass, resources } = startRuntime()
    const first = runtime.startPull(imageOf('first', 1), { rate: MiB })
    const second = runtime.startPull(imageOf('second', 2), { rate: MiB })
    pass(2_000)
    const [ingest] = namespace.ingests.values()
    first.cancel()
    const { offset, startedMs } = ingest!
    pass(60)
    assert.ok(resources(second.lease.id).includes(`ingests ${ingest!.ref}`))
    assert.equal(namespace.ingests.get(ingest!.ref), ingest)
    assert.ok(ingest!.offset >= offset && ingest!.startedMs === startedMs)
  })

  it('fails a pull, and who waits for the same layer, when the bytes are not those of the digest', async () => {
    const { runtime, namespace, pass } = startRuntime()
    const first = runtime.startPull(imageOf('first', 1), { rate: 4 * MiB })
    const second = runtime.startPull(imageOf('second', 2), { rate: 4 * MiB })
    pass(500)
    const [layer] = first.image.layers
    first.spoilLayer(layer!.digest)
    pass(3_000)
    assert.deepEqual([await first.done, await second.done], ['failed', 'failed'])
    assert.equal(namespace.images.size + namespace.blobs.size + namespace.ingests.size, 0)
  })

  it('shows no ingest of a layer that a remote snapshotter has', async () => {
    const { runtime, namespace, events, pass } = startRuntime()
    const pull = runtime.startPull(imageOf('app', 1), { rate: MiB, remote: true })
    pass(2_000)
    assert.equal(await pull.done, 'completed')
    const [bottom, top] = pull.image.layers
    assert.ok(!namespace.blobs.has(bottom!.digest))
    assert.partialDeepStrictEqual(namespace.snapshots.get(top!.chainId), { snapshotter: 'stargz', kind: 'committed' })
    assert.ok(!events.some(event => event.topic.startsWith('/snapshot/')))
  })

  it('cuts a pull at the byte it was told', async () => {
    const { runtime, pass } = startRuntime()
    const pull = runtime.startPull(imageOf('app'), { rate: MiB, cutAfterBytes: MiB })
    pass(1_200)
    assert.equal(pull.outcome, undefined)
    pass(500)
    assert.equal(await pull.done, 'failed')
  })

  it('keeps lease and ingest over a restart, and lets the next pull go on from there', async () => {
    const { runtime, namespace, pass, offsets } = startRuntime()
    const killed = runtime.startPull(imageOf('app'), { rate: MiB, resolveMs: 0 })
    pass(2_500)
    runtime.restart()
    pass(5_000)
    assert.deepEqual(offsets(), [2])
    const again = runtime.startPull(imageOf('app'), { rate: MiB, resolveMs: 0 })
    pass(500)
    assert.deepEqual(offsets(), [2])
    pass(3_000)
    assert.equal(await again.done, 'completed')
    assert.deepEqual([...namespace.leases.keys()], [killed.lease.id])
  })

  it('lets an ingest fall to its first byte', () => {
    const { runtime, pass, offsets } = startRuntime()
    const pull = runtime.startPull(imageOf('app'), { rate: MiB, resolveMs: 0 })
    pass(2_500)
    pull.restartLayer(pull.image.layers[0]!.digest)
    assert.deepEqual(offsets(), [0])
    pass(1_500)
    assert.deepEqual(offsets(), [1])
  })

  it('updates only the record of the tag when nothing is missing', async () => {
    const { runtime, namespace, events, pass } = startRuntime()
    runtime.startPull(imageOf('app'), { rate: 50 * MiB })
    pass(2_000)
    events.length = 0
    const again = runtime.startPull(imageOf('app'), { rate: 50 * MiB })
    pass(2_000)
    assert.equal(await again.done, 'completed')
    assert.deepEqual(
      events.map(event => event.topic),
      ['/images/update'],
    )
    const record = namespace.images.get(again.image.ref)!
    assert.ok(record.updatedMs > again.lease.createdMs && record.createdMs < again.lease.createdMs)
  })

  it('unpacks bottom up at its own rate, long after the last byte', async () => {
    const { runtime, namespace, pass } = startRuntime()
    const pull = runtime.startPull(imageOf('app', 1), { rate: 50 * MiB, unpackRate: MiB })
    pass(3_000)
    const [bottom, top] = pull.image.layers
    assert.ok(namespace.blobs.has(bottom!.digest) && namespace.blobs.has(top!.digest))
    assert.ok(!namespace.snapshots.has(bottom!.chainId))
    pass(2_000)
    assert.ok(namespace.snapshots.has(bottom!.chainId) && !namespace.snapshots.has(top!.chainId))
    pass(2_000)
    assert.equal(await pull.done, 'completed')
  })

  it('does the same for the same seed, however often it is looked at', () => {
    const play = (lookMs: number) => {
      const { runtime, events, pass } = startRuntime(7)
      runtime.startPull(imageOf('first', 1), { rate: MiB })
      runtime.startPull(imageOf('second', 2), { rate: MiB })
      for (let ms = 0; ms < 20_000; ms += lookMs) pass(lookMs)
      return events
    }
    const once = play(20_000)
    assert.deepEqual(play(50), once)
    assert.ok(once.length > 15)
  })

  it('goes on where it was when the machine slept', () => {
    const { runtime, pass } = startRuntime()
    const pull = runtime.startPull(imageOf('app', 200), { rate: MiB })
    pass(8 * 3_600_000)
    assert.equal(pull.outcome, undefined)
  })
})
