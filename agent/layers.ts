import type { Layer } from '../core/contract/pull.ts'
import type { SeenLayer } from './source.ts'

/** What must be remembered of a layer from look to look. */
export interface LayerTrail {
  /** Bytes it had when it was last seen in flight. */
  readonly offset: number
  readonly restarts: number
}

export const newTrail: LayerTrail = { offset: 0, restarts: 0 }

/** Counts a restart when a layer in flight holds less than it did: its bytes are fetched again. */
export function trailOf(before: LayerTrail, { ingestOffset }: SeenLayer): LayerTrail {
  if (ingestOffset === undefined || ingestOffset === before.offset) return before
  return { offset: ingestOffset, restarts: before.restarts + (ingestOffset < before.offset ? 1 : 0) }
}

/** There before the pull began, as a blob or unpacked: nothing was fetched for it. */
export const isCached = (layer: SeenLayer, sinceMs: number): boolean =>
  (layer.blobCreatedMs ?? sinceMs) < sinceMs || (layer.snapshotCreatedMs ?? sinceMs) < sinceMs

/** Unpacked during the pull without a blob: a remote snapshotter fetches its files when they are read. */
export const isLazy = (layer: SeenLayer, sinceMs: number): boolean =>
  layer.snapshotCreatedMs !== undefined && layer.blobCreatedMs === undefined && !isCached(layer, sinceMs)

/** `sinceMs`: when the pull began. */
export function layerOf(seen: SeenLayer, sinceMs: number, { restarts, offset }: LayerTrail): Layer {
  const { digest, mediaType, totalBytes, blobCreatedMs, snapshotCreatedMs, extracting } = seen
  const layer = { digest, mediaType, totalBytes, totalKnown: true, restarts }
  const whole = { ...layer, downloadedBytes: totalBytes }
  if (isCached(seen, sinceMs)) return { ...whole, state: 'cached' }
  if (isLazy(seen, sinceMs)) return { ...layer, downloadedBytes: 0, state: 'done' }
  if (snapshotCreatedMs !== undefined) return { ...whole, state: 'done' }
  // A snapshot is prepared while its blob is still on its way; unpacking begins when the blob is there.
  if (blobCreatedMs !== undefined) return { ...whole, state: extracting ? 'unpacking' : 'downloaded' }
  // containerd 2.4 opens an ingest for every layer at once, and then downloads three at a time.
  // While a layer is committed neither its ingest nor its blob is listed: what it held is still there.
  if (offset === 0) return { ...layer, downloadedBytes: 0, state: 'waiting' }
  return { ...layer, downloadedBytes: Math.min(offset, totalBytes), state: 'downloading' }
}
