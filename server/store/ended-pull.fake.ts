import { layersFrom } from '../../core/pulls/layers.ts'
import type { PullState } from '../../core/pulls/pull.ts'
import { firstRate } from '../../core/pulls/rate.ts'

export const endedAtMs = Date.UTC(2026, 0, 2)

/** A pull that completed a minute after it began; say only what matters. */
export function endedPull(id: string, changes: Partial<PullState> = {}): PullState {
  const completedAtMs = 'completedAtMs' in changes ? changes.completedAtMs : endedAtMs
  const startedAtMs = (completedAtMs ?? endedAtMs) - 60_000
  return {
    id,
    nodeName: 'node-a',
    imageRef: 'registry.example.com/team/app:v1',
    repository: 'registry.example.com/team/app',
    digest: `sha256:${'a'.repeat(64)}`,
    platform: 'linux/amd64',
    phase: 'completed',
    startedAtMs,
    completedAtMs,
    phaseStartedAtMs: { resolving: startedAtMs, downloading: startedAtMs + 100 },
    totalKnown: true,
    totalBytes: 3000,
    downloadedBytes: 3000,
    cachedBytes: 1000,
    unpackedBytes: 3000,
    percent: 100,
    bytesPerSec: 33.5,
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
        digest: `sha256:${'b'.repeat(64)}`,
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        totalBytes: 3000,
        downloadedBytes: 3000,
        totalKnown: true,
        restarts: 0,
        state: 'done',
      },
    ]),
    rate: firstRate(startedAtMs),
    ...changes,
  }
}
