import assert from 'node:assert/strict'
import { digestOf, startMs } from '../build.fake.ts'
import { layerOf, newTrail } from '../layers.ts'
import type { SeenLayer } from '../source.ts'
import { FakeContainerd } from './client.fake.ts'
import { type EventScope, NamespaceObserver } from './namespace.ts'

const [manifest, config, layer, diffId] = ['manifest', 'config', 'layer', 'diff'].map(digestOf) as [
  string,
  string,
  string,
  string,
]
const layerBytes = Buffer.alloc(100)
const source = { 'containerd.io/distribution.source.registry.example.com': 'team/app' }
const leaseId = '123456789-abcd'
const name = 'registry.example.com/team/app:v1'

/** The manifest and config of an image of one layer; its diff id is its chain id. */
function putDocuments(containerd: FakeContainerd, createdMs: number): void {
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: layerBytes.byteLength }]
  const children = { 'containerd.io/gc.ref.content.config': config, 'containerd.io/gc.ref.content.l.0': layer }
  const text = json({ schemaVersion: 2, config: { digest: config, size: 1 }, layers })
  containerd.put(manifest, createdMs, text, { ...source, ...children })
  containerd.put(config, createdMs, json({ os: 'linux', architecture: 'amd64', rootfs: { diff_ids: [diffId] } }))
}

const content = (digest: string) => ({ type: 'content', id: digest })
const snapshot = (key: string) => ({ type: 'snapshots/overlayfs', id: key })

describe('NamespaceObserver', () => {
  let containerd: FakeContainerd
  let observer: NamespaceObserver
  const look = (afterMs: number) => observer.look(startMs + afterMs, 0)
  const shown = async (afterMs: number): Promise<SeenLayer> => (await look(afterMs)).leases[0]!.image!.layers![0]!

  beforeEach(() => {
    containerd = new FakeContainerd()
    observer = new NamespaceObserver(containerd, 'k8s.io', () => 'nothing', { bornMs: startMs, lookedMs: undefined })
  })

  describe('a layer that is unpacked when it is first seen to be there', () => {
    const stateOf = (seen: SeenLayer) => layerOf(seen, startMs, newTrail).state

    beforeEach(async () => {
      putDocuments(containerd, startMs + 10)
      containerd.lease(leaseId, startMs, [content(manifest), content(config)])
      assert.equal(stateOf(await shown(100)), 'waiting')
    })

    it('was fetched when another pull, which is over, has fetched and unpacked it', async () => {
      containerd.put(layer, startMs + 150, layerBytes)
      containerd.commit(diffId, startMs + 160)
      containerd.heldBy.get(leaseId)!.resources.push(snapshot(diffId))
      assert.deepEqual(
        { ...(await shown(200)) },
        {
          digest: layer,
          mediaType: 'application/vnd.oci.image.layer.v1.tar',
          totalBytes: 100,
          ingestOffset: undefined,
          blobCreatedMs: startMs + 150,
          snapshotCreatedMs: startMs + 160,
          extracting: false,
        },
      )
    })

    it('was fetched when it is committed and unpacked in the middle of the look', async () => {
      containerd.heldBy.get(leaseId)!.resources.push(content(layer), snapshot(diffId))
      containerd.before = question => {
        if (question !== `snapshot ${diffId}`) return
        containerd.put(layer, startMs + 150, layerBytes)
        containerd.commit(diffId, startMs + 160)
      }
      assert.equal((await shown(200)).blobCreatedMs, startMs + 150)
    })

    it('is left to a remote snapshotter when it has no blob', async () => {
      containerd.commit(diffId, startMs + 160)
      containerd.heldBy.get(leaseId)!.resources.push(snapshot(diffId))
      assert.deepEqual(
        [(await shown(200)).blobCreatedMs, (await shown(300)).snapshotCreatedMs],
        [undefined, startMs + 160],
      )
    })
  })

  describe('a layer that is in flight in its lease, and not in the list of what is in flight', () => {
    beforeEach(() => {
      putDocuments(containerd, startMs + 10)
      const ingest = { type: 'ingests', id: `layer-${layer}` }
      containerd.lease(leaseId, startMs, [content(manifest), content(config), ingest])
    })

    it('is being committed, so all of it is there', async () => {
      assert.equal((await shown(100)).ingestOffset, 100)
    })

    it('is complete when its blob is there by now', async () => {
      let asked = 0
      containerd.before = question => {
        if (question === 'ingests' && ++asked === 2) containerd.put(layer, startMs + 90, layerBytes)
      }
      const { ingestOffset, blobCreatedMs } = await shown(100)
      assert.deepEqual([ingestOffset, blobCreatedMs], [undefined, startMs + 90])
    })

    it('has what the list says when it began in between', async () => {
      containerd.before = question => {
        if (question === `resources ${leaseId}`) containerd.fetching(layer, 7)
      }
      assert.equal((await shown(100)).ingestOffset, 7)
    })
  })

  describe('a layer that came whole between two looks', () => {
    const questions: string[] = []
    const lookAtIt = async (eventScope: EventScope) => {
      observer = new NamespaceObserver(containerd, 'k8s.io', () => eventScope, { bornMs: startMs, lookedMs: undefined })
      containerd.before = question => void questions.push(question)
      const extract = snapshot(`extract-1-abcd ${diffId}`)
      putDocuments(containerd, startMs + 10)
      containerd.lease(leaseId, startMs, [content(manifest), content(config), extract])
      for (const afterMs of [100, 200]) assert.equal((await shown(afterMs)).blobCreatedMs, undefined)
      containerd.put(layer, startMs + 250, layerBytes)
      containerd.heldBy.get(leaseId)!.resources.push(content(layer))
      questions.length = 0
    }

    it('is found where no event tells of it', async () => {
      await lookAtIt('snapshots')
      const { blobCreatedMs, extracting } = await shown(300)
      assert.deepEqual([blobCreatedMs, extracting], [startMs + 250, true])
    })

    it('is asked for when an event has told of it, and not before', async () => {
      await lookAtIt('blobs and snapshots')
      assert.equal((await shown(300)).blobCreatedMs, undefined)
      assert.ok(!questions.includes(`resources ${leaseId}`), questions.join(', '))
      observer.changed(layer)
      assert.equal((await shown(400)).blobCreatedMs, startMs + 250)
    })
  })

  describe('leases that last, as those of pods do', () => {
    const questions: string[] = []
    beforeEach(() => {
      observer = new NamespaceObserver(containerd, 'k8s.io', () => 'blobs and snapshots', {
        bornMs: startMs,
        lookedMs: undefined,
      })
      questions.length = 0
      containerd.before = question => void questions.push(question)
      for (let pod = 0; pod < 50; pod++) containerd.lasting(`pod-${pod}`, startMs + pod, [snapshot(`volume-${pod}`)])
    })
    const asked = () => questions.filter(question => question !== 'leases').length

    it('are asked what they hold once, and a minute later', async () => {
      await look(1_000)
      assert.equal(asked(), 50)
      for (let afterMs = 2_000; afterMs <= 60_000; afterMs += 2_000) await look(afterMs)
      assert.equal(asked(), 50)
      await look(61_000)
      assert.equal(asked(), 100)
    })

    it('are not asked again for the blobs of a pull that is known', async () => {
      putDocuments(containerd, startMs + 1_010)
      containerd.lease(leaseId, startMs + 1_000, [content(manifest), content(config)])
      await look(1_100)
      questions.length = 0
      containerd.put(layer, startMs + 1_150, layerBytes)
      observer.changed(layer)
      await look(1_200)
      assert.deepEqual(
        questions.filter(question => question.startsWith('resources')),
        [`resources ${leaseId}`],
      )
    })

    it('do not keep a record waiting whose pull nobody saw, nor tell when it began', async () => {
      await look(1_000)
      containerd.heldBy.delete('pod-7')
      putDocuments(containerd, startMs + 1_020)
      containerd.put(layer, startMs + 1_030, layerBytes)
      containerd.record(name, manifest, startMs + 1_040)
      observer.imageChanged(name, startMs + 1_040)
      const { found } = await look(1_100)
      assert.deepEqual(
        found.map(({ image, lease }) => [image.digest, lease]),
        [[manifest, undefined]],
      )
    })

    it('show a pull that goes on under one of them', async () => {
      await look(1_000)
      putDocuments(containerd, startMs + 1_020)
      containerd.heldBy.get('pod-7')!.resources.push(content(manifest), content(config))
      assert.deepEqual((await look(1_100)).leases, [])
      observer.changed(manifest)
      const { leases } = await look(1_200)
      assert.deepEqual(
        leases.map(({ leaseId, kind, image }) => [leaseId, kind, image?.digest]),
        [['pod-7', 'pull', manifest]],
      )
    })

    it('are asked again when an answer did not come', async () => {
      await look(1_000)
      observer.changed(manifest)
      questions.length = 0
      containerd.before = question => {
        questions.push(question)
        if (question === 'resources pod-49') throw new Error('containerd is away')
      }
      await assert.rejects(look(1_100), { message: 'containerd is away' })
      containerd.before = question => void questions.push(question)
      await look(1_200)
      assert.equal(asked(), 100)
    })
  })

  describe('a record of an image whose pull was never seen', () => {
    const found = async (manifestMs: number, lookMs: number) => {
      putDocuments(containerd, startMs + manifestMs)
      containerd.put(layer, startMs + manifestMs + 10, layerBytes)
      containerd.record(name, manifest, startMs + lookMs - 20)
      observer.imageChanged(name, startMs + lookMs - 20)
      return (await look(lookMs)).found.map(({ image }) => image.digest)
    }

    it('tells of it when its manifest came between two looks', async () => {
      await look(1_000)
      assert.deepEqual(await found(1_020, 1_250), [manifest])
    })

    it('tells of it when it was over before the first look of this agent', async () => {
      assert.deepEqual(await found(50, 200), [manifest])
    })

    it('says nothing of an image that was there before', async () => {
      await look(5_000)
      assert.deepEqual(await found(3_500, 5_250), [])
    })

    it('tells of it although the clock was set back by an hour meanwhile', async () => {
      await look(3_600_000 + 1_000)
      assert.deepEqual(await found(900, 1_150), [manifest])
    })

    it('tells of it in the next look when it could not be looked up whole', async () => {
      await look(1_000)
      let failed = false
      containerd.before = question => {
        if (question !== `blob ${config}` || failed) return
        failed = true
        throw new Error('containerd is away')
      }
      await assert.rejects(found(1_020, 1_250), { message: 'containerd is away' })
      assert.deepEqual(
        (await look(1_500)).found.map(({ image }) => image.digest),
        [manifest],
      )
    })

    it('gives a lease that was glimpsed to one of two images that may have come under it', async () => {
      await look(1_000)
      containerd.lease(leaseId, startMs + 1_010, [])
      await look(1_020)
      containerd.heldBy.delete(leaseId)
      const other = digestOf('another manifest')
      putDocuments(containerd, startMs + 1_025)
      containerd.put(layer, startMs + 1_028, layerBytes)
      containerd.stored.set(other, {
        ...containerd.stored.get(manifest)!,
        info: { ...containerd.stored.get(manifest)!.info, digest: other },
      })
      for (const [record, digest] of [
        [name, manifest],
        [`${name}-2`, other],
      ] as const) {
        containerd.record(record, digest, startMs + 1_040)
        observer.imageChanged(record, startMs + 1_040)
      }
      const { found } = await look(1_100)
      assert.deepEqual(
        found.map(({ image, lease }) => [image.digest, lease?.leaseId]),
        [
          [manifest, leaseId],
          [other, undefined],
        ],
      )
    })

    it('leaves it to the agent before when that has seen its lease', async () => {
      await look(200)
      assert.deepEqual(await found(-100, 450), [])
    })
  })
})
