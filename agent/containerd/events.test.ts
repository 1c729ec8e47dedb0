import assert from 'node:assert/strict'
import { ImageCreate } from '../../proto/generated/containerd/events/image.ts'
import { SnapshotCommit, SnapshotPrepare } from '../../proto/generated/containerd/events/snapshot.ts'
import { digestOf } from '../build.fake.ts'
import type { ContainerdClient, Envelope } from './client.ts'
import { EventWatch, tellsOfBlobs } from './events.ts'

/** A subscription that the test feeds and ends. */
function openFeed() {
  const told: string[] = []
  let subscriptions = 0
  let send: (event: Envelope) => void = () => {}
  let end = () => {}
  const client = {
    subscribe(_: readonly string[], onEvent: (event: Envelope) => void, onEnd: () => void) {
      subscriptions++
      send = onEvent
      end = onEnd
      return { cancel() {} }
    },
  } as Pick<ContainerdClient, 'subscribe'> as ContainerdClient
  const watch = new EventWatch(client, {
    changed: (namespace, name) => told.push(`${namespace} changed ${name}`),
    imageChanged: (namespace, name) => told.push(`${namespace} image ${name}`),
    wake: () => told.push('wake'),
  })
  return {
    watch,
    told,
    subscriptions: () => subscriptions,
    end: () => end(),
    send(topic: string, value: Uint8Array) {
      const event = { typeUrl: '', value: Buffer.from(value) }
      send({ timestamp: undefined, namespace: 'k8s.io', topic, event })
    },
  }
}

describe('EventWatch', () => {
  const chainId = digestOf('chain')
  for (const { name, topic, value, told } of [
    {
      name: 'tells an image record and wakes',
      topic: '/images/create',
      value: ImageCreate.encode({ name: 'app:v1', labels: {} }).finish(),
      told: ['k8s.io image app:v1', 'wake'],
    },
    {
      name: 'tells a layer that is about to be unpacked',
      topic: '/snapshot/prepare',
      value: SnapshotPrepare.encode({ key: `extract-1--a_b ${chainId}`, parent: '', snapshotter: '' }).finish(),
      told: [`k8s.io changed ${chainId}`, 'wake'],
    },
    {
      name: 'tells a layer that is unpacked',
      topic: '/snapshot/commit',
      value: SnapshotCommit.encode({ key: 'extract-1-abcd x', name: chainId, snapshotter: '' }).finish(),
      told: [`k8s.io changed ${chainId}`, 'wake'],
    },
    {
      name: 'sleeps on when a container starts',
      topic: '/snapshot/prepare',
      value: SnapshotPrepare.encode({ key: 'f00d', parent: chainId, snapshotter: '' }).finish(),
      told: [],
    },
  ]) {
    it(name, () => {
      const feed = openFeed()
      feed.watch.ensure()
      feed.send(topic, value)
      assert.deepEqual(feed.told, told)
    })
  }

  it('subscribes once, and again when the stream has ended', () => {
    const feed = openFeed()
    assert.equal(feed.watch.open, false)
    feed.watch.ensure()
    feed.watch.ensure()
    assert.deepEqual([feed.watch.open, feed.subscriptions()], [true, 1])
    feed.end()
    assert.equal(feed.watch.open, false)
    feed.watch.ensure()
    assert.equal(feed.subscriptions(), 2)
  })

  it('stays closed once it is closed', () => {
    const feed = openFeed()
    feed.watch.ensure()
    feed.watch.close()
    feed.end()
    feed.watch.ensure()
    assert.equal(feed.subscriptions(), 1)
  })
})

describe('tellsOfBlobs', () => {
  for (const version of ['2.1.0', 'v2.1.4-k3s1', '2.1.0-beta.0', '2.10.1', '3.0.0']) {
    it(`is so for ${version}`, () => assert.equal(tellsOfBlobs(version), true))
  }
  for (const version of ['1.6.20~ds1', 'v1.7.28', '2.0.7', 'main', '']) {
    it(`is not so for '${version}'`, () => assert.equal(tellsOfBlobs(version), false))
  }
})
