import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Pull } from '../../../../core/contract/pull.ts'
import { groupOf, groupSentence } from './group.ts'
import { imageParts, rowOf } from './row.ts'
import { summaryOf } from './summary.ts'

const mebibyte = 1024 * 1024
const pullOf = (more: Partial<Pull>): Pull => ({
  id: 'a'.repeat(26),
  nodeName: 'node-a',
  imageRef: 'registry.example.com/shop/checkout:v2',
  phase: 'downloading',
  phaseStartedAt: {},
  totalKnown: true,
  totalBytes: 100 * mebibyte,
  downloadedBytes: 40 * mebibyte,
  cachedBytes: 10 * mebibyte,
  unpackedBytes: 5 * mebibyte,
  percent: 40,
  bytesPerSec: 2 * mebibyte,
  etaSeconds: 30,
  layerCount: 4,
  layersDone: 1,
  restarts: 0,
  startedAt: '2026-11-21T10:00:00Z',
  stale: false,
  source: 'agent',
  pods: [],
  ...more,
})
const nowMs = Date.parse('2026-11-21T10:01:00Z')
const row = (more: Partial<Pull>) => rowOf(pullOf(more), nowMs)

describe('rowOf', () => {
  it('says how far, how fast and how long', () => {
    const { mood, downloaded, cached, unpacked, size, rate, eta, note } = row({})
    assert.deepEqual([mood, downloaded, cached, unpacked], ['busy', 40, 10, 5])
    assert.deepEqual([size, rate, eta, note], ['40.0/100 MiB', '2.0 MiB/s', '30s left', ''])
  })

  for (const [what, more, mood, note] of [
    ['a stall', { stalledSince: '2026-11-21T10:00:15Z' }, 'stalled', 'no byte came for 45s'],
    ['a silent node', { stale: true }, 'stalled', 'the node has stopped reporting; this is what was last known'],
    ['a failure', { phase: 'failed', errorCode: 'NoSpace', error: 'ENOSPC' }, 'failed', 'the disk is full (ENOSPC)'],
    ['a failure of no known kind', { phase: 'failed', error: 'odd\u202e' }, 'failed', 'odd�'],
    ['a wait', { phase: 'queued' }, 'waiting', 'the node has not begun with it'],
    ['an end that nobody saw', { phase: 'unknown' }, 'unknown', 'it ended, and nobody saw how'],
    ['a pull of which little was cached', { phase: 'completed', cachedBytes: 1 }, 'done', 'under 1 % was cached'],
    ['a pull of which nothing was cached', { phase: 'completed', cachedBytes: 0 }, 'done', ''],
    ['a pull that was cached', { phase: 'completed', cachedBytes: 100 * mebibyte }, 'done', 'all of it was cached'],
  ] as const) {
    it(`says ${what} in plain words`, () => {
      const said = row(more as Partial<Pull>)
      assert.deepEqual([said.mood, said.note], [mood, note])
    })
  }

  it('never shows more unpacked or cached than downloaded, nor more than all', () => {
    const bytes = fc.integer({ min: 0, max: 300 })
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, (totalBytes, downloadedBytes, cachedBytes, unpackedBytes) => {
        const percent = totalBytes === 0 ? 100 : Math.min(100, (100 * downloadedBytes) / totalBytes)
        const { downloaded, cached, unpacked } = row({
          totalBytes,
          downloadedBytes,
          cachedBytes,
          unpackedBytes,
          percent,
        })
        assert.ok(downloaded <= 100 && cached <= downloaded && unpacked <= downloaded)
      }),
    )
  })

  it('names three waiting pods and counts the others', () => {
    const pods = [1, 2, 3, 4, 5].map(number => ({
      namespace: 'shop',
      podName: `web-${number}`,
      container: 'c',
      certain: number > 1,
    }))
    assert.equal(row({ pods }).pods, 'shop/web-1?, shop/web-2, shop/web-3 and 2 more')
  })
})

describe('imageParts', () => {
  for (const [ref, lead, name] of [
    ['docker.io/library/nginx:1.29', '', 'nginx:1.29'],
    ['localhost:5000/app', 'localhost:5000/', 'app'],
    [`ghcr.io/a/b@sha256:${'c'.repeat(64)}`, 'ghcr.io/a/', `b@${'c'.repeat(12)}`],
    [`ghcr.io/a/b:v1@sha256:${'c'.repeat(64)}`, 'ghcr.io/a/', 'b:v1'],
  ] as const) {
    it(`of ${ref.slice(0, 30)} are '${lead}' and '${name}'`, () => assert.deepEqual(imageParts(ref), { lead, name }))
  }
})

describe('groups and figures', () => {
  const pod = (namespace: string, podName: string, workload?: string) => ({
    namespace,
    podName,
    container: 'c',
    certain: true,
    ...(workload !== undefined && { workload }),
  })

  it('name a pull by its workloads, or say that none is known', () => {
    const pods = [pod('shop', 'web-1', 'Deployment/web'), pod('shop', 'web-2', 'Deployment/web'), pod('batch', 'job-1')]
    assert.equal(groupOf(pullOf({ pods }), 'workload'), 'batch/Pod/job-1 + shop/Deployment/web')
    assert.equal(groupOf(pullOf({}), 'workload'), 'no known workload')
    assert.equal(groupOf(pullOf({ pods }), 'namespace'), 'batch + shop')
  })

  it('count what is under way, waits and failed, each pod once', () => {
    const pods = [pod('shop', 'web-1')]
    const pulls = [pullOf({ pods }), pullOf({ pods }), pullOf({ phase: 'failed' }), pullOf({ phase: 'completed' })]
    assert.deepEqual(summaryOf(pulls), { active: '2', waiting: '1', failing: '1', rate: '4.0 MiB/s' })
    assert.equal(groupSentence(pulls), '2 pulls under way, 80.0/200 MiB, 1 failing')
  })
})
