import assert from 'node:assert/strict'
import { aLayer, startMs } from './build.fake.ts'
import { isLazy, layerOf, newTrail, trailOf } from './layers.ts'

describe('layerOf', () => {
  const before = startMs - 1
  const during = startMs + 1
  for (const { name, layer, offset = 0, state, bytes } of [
    { name: 'waits while nothing of it is there', layer: {}, state: 'waiting', bytes: 0 },
    { name: 'waits while its ingest is empty', layer: { ingestOffset: 0 }, state: 'waiting', bytes: 0 },
    { name: 'downloads from its first byte', layer: { ingestOffset: 7 }, offset: 7, state: 'downloading', bytes: 7 },
    {
      name: 'never has more than its size',
      layer: { ingestOffset: 101 },
      offset: 101,
      state: 'downloading',
      bytes: 100,
    },
    { name: 'keeps its bytes while it is committed', layer: {}, offset: 100, state: 'downloading', bytes: 100 },
    {
      name: 'waits for bytes though its snapshot is prepared',
      layer: { extracting: true },
      state: 'waiting',
      bytes: 0,
    },
    { name: 'is downloaded with its blob', layer: { blobCreatedMs: during }, state: 'downloaded', bytes: 100 },
    {
      name: 'unpacks with blob and open snapshot',
      layer: { blobCreatedMs: during, extracting: true },
      state: 'unpacking',
      bytes: 100,
    },
    {
      name: 'is done with its snapshot',
      layer: { blobCreatedMs: during, snapshotCreatedMs: during },
      state: 'done',
      bytes: 100,
    },
    { name: 'is cached with an older blob', layer: { blobCreatedMs: before }, state: 'cached', bytes: 100 },
    {
      name: 'stays cached when it is unpacked',
      layer: { blobCreatedMs: before, snapshotCreatedMs: during },
      state: 'cached',
      bytes: 100,
    },
    {
      name: 'is cached with an older snapshot and no blob',
      layer: { snapshotCreatedMs: before },
      state: 'cached',
      bytes: 100,
    },
    {
      name: 'is not cached when another pull fetched it meanwhile',
      layer: { blobCreatedMs: startMs },
      state: 'downloaded',
      bytes: 100,
    },
    {
      name: 'has no bytes when a remote snapshotter gave it',
      layer: { snapshotCreatedMs: during },
      state: 'done',
      bytes: 0,
    },
  ]) {
    it(name, () => {
      const { state: seen, downloadedBytes } = layerOf(aLayer(layer), startMs, { ...newTrail, offset })
      assert.deepEqual({ state: seen, downloadedBytes }, { state, downloadedBytes: bytes })
    })
  }
})

describe('trailOf', () => {
  for (const { name, offsets, restarts } of [
    { name: 'counts nothing while bytes come', offsets: [1, 5, 100], restarts: 0 },
    { name: 'counts nothing for a first offset above zero', offsets: [50, 60], restarts: 0 },
    { name: 'counts nothing when an ingest goes on where it was', offsets: [50, undefined, 50, 60], restarts: 0 },
    { name: 'counts each fall', offsets: [50, 10, 40, 0, 5], restarts: 2 },
    { name: 'counts a fall over a gap', offsets: [50, undefined, undefined, 10], restarts: 1 },
  ]) {
    it(name, () => {
      let trail = newTrail
      for (const ingestOffset of offsets) trail = trailOf(trail, aLayer({ ingestOffset }))
      assert.equal(trail.restarts, restarts)
    })
  }
})

describe('isLazy', () => {
  it('is a snapshot of this pull without a blob', () => {
    assert.ok(isLazy(aLayer({ snapshotCreatedMs: startMs + 1 }), startMs))
    assert.ok(!isLazy(aLayer({ snapshotCreatedMs: startMs + 1, blobCreatedMs: startMs + 1 }), startMs))
    assert.ok(!isLazy(aLayer({ snapshotCreatedMs: startMs - 1 }), startMs))
  })
})
