import assert from 'node:assert/strict'
import { digestOf } from '../build.fake.ts'
import type { Lease } from './client.ts'
import {
  belongsToBuildKit,
  digestOfRef,
  exactOf,
  hasChildren,
  leaseKeyOf,
  looksLikePull,
  repositoriesOf,
} from './keys.ts'

const seconds = Date.parse('2026-11-21T10:00:00Z') / 1000
const aLease = (lease: Partial<Lease> = {}): Lease => ({
  id: '256881312-a72u',
  createdAt: { seconds, nanos: 1 },
  labels: { 'containerd.io/gc.expire': '2026-11-22T10:00:00Z' },
  ...lease,
})

describe('looksLikePull', () => {
  for (const { name, lease, expected } of [
    { name: 'knows a lease of a client', lease: {}, expected: true },
    { name: 'knows an id with few digits and dashes', lease: { id: '80478--_a9' }, expected: true },
    { name: 'is not fooled by an id of another form', lease: { id: 'my-lease' }, expected: false },
    { name: 'wants the expiry', lease: { labels: {} }, expected: false },
    {
      name: 'wants the expiry in a day',
      lease: { labels: { 'containerd.io/gc.expire': '2026-11-21T11:00:00Z' } },
      expected: false,
    },
    {
      name: 'wants no other label',
      lease: { labels: { ...aLease().labels, 'containerd.io/gc.flat': '1' } },
      expected: false,
    },
  ]) {
    it(name, () => assert.equal(looksLikePull(aLease(lease)), expected))
  }
})

describe('leases and their labels', () => {
  it('knows what belongs to BuildKit', () => {
    assert.ok(belongsToBuildKit(aLease({ labels: { 'buildkit/lease.temporary': '' } })))
    assert.ok(!belongsToBuildKit(aLease()))
  })

  it('keeps the nanoseconds of a lease', () => {
    assert.equal(exactOf({ seconds, nanos: 1 }), '2026-11-21T10:00:00.000000001Z')
    assert.equal(leaseKeyOf('k8s.io', aLease()).createdMs, seconds * 1000 + 1e-6)
  })
})

describe('digestOfRef', () => {
  const digest = digestOf('layer')
  for (const [ref, expected] of [
    [`layer-${digest}`, digest],
    [`manifest-${digest}`, digest],
    [`index-${digest}`, digest],
    [`config-${digest}`, digest],
    [`layer-registry.example.com/team/app:v1@${digest}`, digest],
    ['tar-blobs/sha256/abc', undefined],
    ['tar-index.json', undefined],
    [`import-${digest}`, undefined],
    ['layer-', undefined],
  ] as const) {
    it(`of '${ref.slice(0, 40)}' is ${expected ? 'its digest' : 'none'}`, () =>
      assert.equal(digestOfRef(ref), expected))
  }
})

describe('labels of blobs', () => {
  it('name every registry and repository', () => {
    const labels = {
      'containerd.io/distribution.source.registry.example.com': 'team/app,team/base',
      'containerd.io/uncompressed': 'x',
    }
    assert.deepEqual(repositoriesOf(labels), ['registry.example.com/team/app', 'registry.example.com/team/base'])
  })

  it('tell documents from layers', () => {
    assert.ok(hasChildren({ 'containerd.io/gc.ref.content.l.0': digestOf('a') }))
    assert.ok(!hasChildren({ 'containerd.io/uncompressed': digestOf('a') }))
  })
})
