import type { GoneLease } from '../source.ts'
import type { BlobStore } from './blobs.ts'
import type { ContainerdClient } from './client.ts'
import type { ImageMemory } from './image-memory.ts'
import { msOf } from './keys.ts'
import { committedMs, snapshottersOf } from './snapshots.ts'

export type Evidence = GoneLease['evidence']

/**
 * What is there after a pull went. What was seen whole before stays so, even when it has been
 * collected since: a cancelled pull leaves nothing that would keep its blobs. What came at `untilMs`
 * or later is the work of another pull.
 */
export async function evidenceFor(
  client: ContainerdClient,
  namespace: string,
  image: ImageMemory,
  root: string | undefined,
  snapshotters: ReadonlySet<string>,
  blobs: BlobStore,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<Evidence> {
  const layers = image.layers ?? []
  const records = root === undefined ? [] : await client.imagesOf(namespace, root)
  const top = layers.at(-1)
  let topSnapshotMs: number | undefined
  for (const snapshotter of snapshottersOf(snapshotters)) {
    const chainId = top?.chainIds.at(-1)
    if (chainId !== undefined) topSnapshotMs ??= await committedMs(client, namespace, snapshotter, chainId)
  }
  if (topSnapshotMs !== undefined && topSnapshotMs >= untilMs) topSnapshotMs = undefined
  await Promise.all(
    layers.map(async layer => {
      if (layer.blobCreatedMs !== undefined) return
      const facts = await blobs.refresh(layer.digest)
      if (facts && facts.createdMs < untilMs) layer.blobCreatedMs = facts.createdMs
    }),
  )
  // The top snapshot stands on all others.
  if (top && topSnapshotMs !== undefined) for (const layer of layers) layer.snapshotCreatedMs ??= topSnapshotMs
  return {
    records: records
      .map(({ name, updatedAt }) => ({ name, updatedMs: updatedAt ? msOf(updatedAt) : 0 }))
      .filter(({ updatedMs }) => updatedMs < untilMs),
    contentComplete: image.layers?.every(
      ({ blobCreatedMs, snapshotCreatedMs }) => blobCreatedMs !== undefined || snapshotCreatedMs !== undefined,
    ),
    topSnapshotMs,
  }
}
