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
  /** It holds an ingest named as pulls name theirs. */
  readonly pullIngests: boolean
}

/** containerd 2.4.2, core/unpack/unpacker.go, and 1.6.20: `extract-<time>-<random> <chain id>` until it is committed. */
const extraction = /^extract-\S+ (\S+)$/

export const chainIdOfKey = (key: string): string => extraction.exec(key)?.[1] ?? key

export function holdingsOf(resources: readonly Resource[]): Holdings {
  const content = new Set<string>()
  const snapshots = new Map<string, string>()
  const extracting = new Set<string>()
  const snapshotters = new Set<string>()
  let pullIngests = false
  for (const { type, id } of resources) {
    const snapshotter = snapshotterOf(type)
    if (type === 'content') content.add(id)
    else if (type === 'ingests') pullIngests ||= digestOfRef(id) !== undefined
    else if (snapshotter !== undefined) {
      snapshotters.add(snapshotter)
      const chainId = chainIdOfKey(id)
      if (chainId === id) snapshots.set(id, snapshotter)
      else extracting.add(chainId)
    }
  }
  return { content, snapshots, extracting, snapshotters, pullIngests }
}

/** Of all leases: what one pull has fetched or unpacked, another that waits for it has too. */
export function together(holdings: readonly Holdings[]): Holdings {
  return {
    content: new Set(holdings.flatMap(({ content }) => [...content])),
    snapshots: new Map(holdings.flatMap(({ snapshots }) => [...snapshots])),
    extracting: new Set(holdings.flatMap(({ extracting }) => [...extracting])),
    snapshotters: new Set(holdings.flatMap(({ snapshotters }) => [...snapshotters])),
    pullIngests: holdings.some(({ pullIngests }) => pullIngests),
  }
}
