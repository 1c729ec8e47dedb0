import assert from 'node:assert/strict'
import { podRef, pullState } from '../events/pull-state.fake.ts'
import { recordOf } from './pull-record.ts'

const digest = `sha256:${'a'.repeat(64)}`
const startedAtMs = Date.parse('2026-11-21T10:00:00Z')
const later = (seconds: number) => startedAtMs + seconds * 1000

describe('recordOf', () => {
  it('tells what is known of a pull that completed', () => {
    const pull = pullState('web', {
      imageRef: 'registry.example.com/team/app:v1',
      digest,
      phase: 'completed',
      completedAtMs: later(42),
      phaseStartedAtMs: {
        resolving: later(0),
        downloading: later(2),
        unpacking: later(30),
        completed: later(42),
      },
      queuedMs: 1500,
      totalBytes: 1000,
      downloadedBytes: 1000,
      cachedBytes: 250,
      bytesPerSec: 26.6,
      pods: [{ ...podRef('shop', 'web-1'), workload: 'Deployment/web' }, podRef('shop', 'web-2')],
    })
    assert.deepEqual(recordOf(pull), {
      registry: 'registry.example.com',
      repository: 'registry.example.com/team/app',
      tag: 'v1',
      digest,
      pinned: false,
      image: 'registry.example.com/team/app:v1',
      node: 'node-a',
      phase: 'completed',
      bytes: 1000,
      layers: 1,
      cached_bytes: 250,
      cached_share: 0.25,
      downloaded_bytes: 1000,
      bytes_per_second: 27,
      durations: { queued: 1.5, resolving: 2, downloading: 28, unpacking: 12, total: 42 },
      error_code: undefined,
      error: undefined,
      pods: [
        { namespace: 'shop', name: 'web-1', container: 'main', workload: 'Deployment/web', certain: true },
        { namespace: 'shop', name: 'web-2', container: 'main', workload: undefined, certain: true },
      ],
      namespaces: ['shop'],
    })
  })

  it('leaves out what is not known yet', () => {
    const resolving = { phase: 'resolving', phaseStartedAtMs: { resolving: startedAtMs }, totalKnown: false } as const
    const json = JSON.parse(JSON.stringify(recordOf(pullState('web', { ...resolving, imageRef: '(unresolved)' }))))
    assert.deepEqual(json, {
      image: '(unresolved)',
      node: 'node-a',
      phase: 'resolving',
      downloaded_bytes: 0,
      durations: { total: 0 },
    })
  })

  for (const { image, phase, pinned, registry } of [
    { image: 'docker.io/library/nginx:1.27', phase: 'downloading', pinned: false, registry: 'docker.io' },
    { image: `localhost:5000/app@${digest}`, phase: 'completed', pinned: true, registry: 'localhost' },
    { image: `quay.io/app@${digest}`, phase: 'queued', pinned: true, registry: 'quay.io' },
    // The runtime names a pull that runs by its digest, whatever was asked for.
    { image: `quay.io/app@${digest}`, phase: 'downloading', pinned: undefined, registry: 'quay.io' },
    { image: `quay.io/app@${digest}`, phase: 'failed', pinned: undefined, registry: 'quay.io' },
    { image: '(layers of unnamed images)', phase: 'completed', pinned: undefined, registry: undefined },
  ] as const) {
    it(`says ${pinned ?? 'nothing'} to pinned for ${image.slice(0, 30)} while ${phase}`, () => {
      const record = recordOf(pullState('web', { imageRef: image, phase }))
      assert.deepEqual([record.pinned, record.registry], [pinned, registry])
    })
  }

  it('counts how long it has taken so far when a phase begins', () => {
    const phaseStartedAtMs = { downloading: later(3), unpacking: later(10) }
    const { durations } = recordOf(pullState('web', { phase: 'unpacking', phaseStartedAtMs }))
    assert.deepEqual(durations, {
      queued: undefined,
      resolving: undefined,
      downloading: 7,
      unpacking: undefined,
      total: 10,
    })
  })

  it('never tells of a negative time when the clock of the node was set back', () => {
    const phaseStartedAtMs = { resolving: later(5), downloading: later(1) }
    assert.equal(recordOf(pullState('web', { phase: 'downloading', phaseStartedAtMs })).durations.resolving, 0)
  })
})
