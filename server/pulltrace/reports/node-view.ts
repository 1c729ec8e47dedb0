import type { NodeView } from '../../../core/contract/api.ts'
import { layersOf } from '../../../core/pulls/layers.ts'
import type { NodeState } from '../../../core/pulls/node.ts'
import type { PullState } from '../../../core/pulls/pull.ts'

/** Clocks of healthy machines differ by less than this. Milliseconds. */
const tolerableSkewMs = 5000

/** `isDropped`: pulls that rules keep out of what readers see are not there for them. */
export function nodeViewOf(node: NodeState, isDropped: (id: string) => boolean): NodeView {
  const pulls = [...node.pulls.values()].filter(({ id }) => !isDropped(id))
  const sums = sumsOf(pulls)
  return {
    nodeName: node.nodeName,
    ...(node.agentVersion !== undefined && { agentVersion: node.agentVersion }),
    ...(node.runtime !== undefined && { runtime: node.runtime }),
    lastReportAt: new Date(node.receivedAtMs).toISOString(),
    reportIntervalMs: node.intervalMs,
    ...(Math.abs(node.clockSkewMs) > tolerableSkewMs && { clockSkewMs: node.clockSkewMs }),
    stale: node.stale,
    activePulls: pulls.length,
    ...sums,
    droppedTerminal: node.droppedTerminal,
  }
}

/** Two pulls that share a layer share its one ingest: the node fetches it once, so it counts once. */
function sumsOf(pulls: Iterable<PullState>) {
  const layers = new Map<string, { readonly totalBytes: number; readonly downloadedBytes: number }>()
  let bytesPerSec = 0
  for (const pull of pulls) {
    bytesPerSec += pull.bytesPerSec ?? 0
    for (const layer of layersOf(pull.layers)) {
      const known = layers.get(layer.digest)
      if (known === undefined || layer.downloadedBytes > known.downloadedBytes) layers.set(layer.digest, layer)
    }
  }
  let totalBytes = 0
  let downloadedBytes = 0
  for (const layer of layers.values()) {
    totalBytes += layer.totalBytes
    downloadedBytes += layer.downloadedBytes
  }
  return { totalBytes, downloadedBytes, bytesPerSec: Math.round(bytesPerSec) }
}
