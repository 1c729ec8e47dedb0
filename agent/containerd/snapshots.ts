import type { ContainerdClient } from './client.ts'
import type { ImageMemory } from './image-memory.ts'
import { msOf } from './keys.ts'

/** What nearly every node uses; others show themselves by name as soon as a lease or an unpacked image tells of one. */
const usual = 'overlayfs'

const prefix = 'snapshots/'
export const snapshotterOf = (resourceType: string): string | undefined =>
  resourceType.startsWith(prefix) ? resourceType.slice(prefix.length) : undefined

export const snapshottersOf = (seen: ReadonlySet<string>): readonly string[] => [...new Set([usual, ...seen])]

interface Searched {
  readonly image: ImageMemory
  readonly searched: Set<string>
}

/**
 * Completes the layers of an image with the times of their snapshots: those that leases hold
 * now, and, once for each snapshotter, those that were there before.
 */
export async function findSnapshots(
  client: ContainerdClient,
  namespace: string,
  { image, searched }: Searched,
  seen: ReadonlySet<string>,
  held: ReadonlyMap<string, string>,
): Promise<void> {
  const layers = image.layers ?? []
  if (image.configsRead === 0) return
  for (const snapshotter of snapshottersOf(seen)) {
    if (searched.has(snapshotter)) continue
    await findOlder(client, namespace, image, snapshotter)
    searched.add(snapshotter)
  }
  if (held.size === 0) return
  const open = layers.filter(({ snapshotCreatedMs }) => snapshotCreatedMs === undefined)
  await Promise.all(
    open.map(async layer => {
      const chainId = layer.chainIds.find(id => held.has(id))
      if (chainId === undefined) return
      layer.snapshotCreatedMs = await committedMs(client, namespace, held.get(chainId)!, chainId)
    }),
  )
}

/** A snapshot has its parent: so those that are there are the first n, and n is found by halving. */
async function findOlder(client: ContainerdClient, namespace: string, image: ImageMemory, snapshotter: string) {
  const layers = (image.layers ?? []).filter(({ chainIds }) => chainIds.length > 0)
  let low = 0
  let high = layers.length
  const times = new Map<number, number>()
  while (low < high) {
    const middle = (low + high) >> 1
    const ms = await committedMs(client, namespace, snapshotter, layers[middle]!.chainIds[0]!)
    if (ms === undefined) high = middle
    else {
      times.set(middle, ms)
      low = middle + 1
    }
  }
  for (let index = 0; index < low; index++) {
    const layer = layers[index]!
    layer.snapshotCreatedMs ??=
      times.get(index) ?? (await committedMs(client, namespace, snapshotter, layer.chainIds[0]!))
  }
}

export async function committedMs(client: ContainerdClient, namespace: string, snapshotter: string, key: string) {
  const info = await client.snapshot(namespace, snapshotter, key)
  return info?.kind === 3 && info.createdAt ? msOf(info.createdAt) : undefined
}
