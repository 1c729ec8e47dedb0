import type { PodRef } from '../../../core/contract/pull.ts'
import { layersFrom } from '../../../core/pulls/layers.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { firstRate } from '../../../core/pulls/rate.ts'

const startedAtMs = Date.parse('2026-11-21T10:00:00Z')

/** A pull of one layer on node-a; a test says only what matters to it. */
export function pullState(id: string, more: Partial<PullState> = {}): PullState {
  return {
    id,
    nodeName: 'node-a',
    imageRef: `registry.example.com/${id}:v1`,
    repository: undefined,
    digest: undefined,
    platform: undefined,
    phase: 'downloading',
    startedAtMs,
    completedAtMs: undefined,
    phaseStartedAtMs: { downloading: startedAtMs },
    totalKnown: true,
    totalBytes: 1000,
    downloadedBytes: 0,
    cachedBytes: 0,
    unpackedBytes: 0,
    percent: 0,
    bytesPerSec: undefined,
    restarts: 0,
    stalledSinceMs: undefined,
    stale: false,
    error: undefined,
    errorCode: undefined,
    source: 'agent',
    queuedMs: undefined,
    replaces: undefined,
    pods: [],
    violations: undefined,
    layers: layersFrom([
      {
        digest: 'sha256:one',
        totalBytes: 1000,
        downloadedBytes: 0,
        totalKnown: true,
        restarts: 0,
        state: 'downloading',
      },
    ]),
    rate: firstRate(startedAtMs),
    ...more,
  }
}

export const podRef = (namespace: string, podName: string): PodRef => ({
  namespace,
  podName,
  container: 'main',
  certain: true,
})
