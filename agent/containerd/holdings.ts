import type { Resource } from './client.ts'
import { digestOfRef } from './keys.ts'
import { snapshotterOf } from './snapshots.ts'

/** What a lease holds. */
export interface Holdings {
  /** Blobs that are complete. */
  readonly content: ReadonlySet<string>
  /** Committed snapshots and their snapshotter. */
  readonly snapshots: ReadonlyMap<string, string>
  /** Chain ids whose snapshot is being filled, or waits for its layer. */
  readonly extracting: ReadonlySet<string>
  readonly snapshotters: ReadonlySet<string>
  /** Blobs that are being fetched, or committed, named as pulls name them. */
  readonly ingesting: ReadonlySet<string>
}

/** containerd 2.4.2, core/unpack/unpacker.go, and 1.6.20: `extract-<time>-<random> <chain id>` until it is committed. */
const extraction = /^extract-\S+ (\S+)$/

export const chainIdOfKey = (key: string): string => extraction.exec(key)?.[1] ?? key

export function holdingsOf(resources: readonly Resource[]): Holdings {
  const content = new Set<string>()
  const snapshots = new Map<string, string>()
  const extracting = new Set<string>()
  const snapshotters = new Set<string>()
  const ingesting = new Set<string>()
  for (const { type, id } of resources) {
    const snapshotter = snapshotterOf(type)
    if (type === 'content') content.add(id)
    else if (type === 'ingests') {
      const digest = digestOfRef(id)
      if (digest !== undefined) ingesting.add(digest)
    } else if (snapshotter !== undefined) {
      snapshotters.add(snapshotter)
      const chainId = chainIdOfKey(id)
      if (chainId === id) snapshots.set(id, snapshotter)
      else extracting.add(chainId)
    }
  }
  return { content, snapshots, extracting, snapshotters, ingesting }
}

/** Of all leases: what one pull has fetched or unpacked, another that waits for it has too. */
export function together(holdings: readonly Holdings[]): Holdings {
  const all = {
    content: new Set<string>(),
    snapshots: new Map<string, string>(),
    extracting: new Set<string>(),
    snapshotters: new Set<string>(),
    ingesting: new Set<string>(),
  }
  for (const { content, snapshots, extracting, snapshotters, ingesting } of holdings) {
    for (const digest of content) all.content.add(digest)
    for (const [chainId, snapshotter] of snapshots) all.snapshots.set(chainId, snapshotter)
    for (const chainId of extracting) all.extracting.add(chainId)
    for (const snapshotter of snapshotters) all.snapshotters.add(snapshotter)
    for (const digest of ingesting) all.ingesting.add(digest)
  }
  return all
}
