import type { ImageRecord, LeaseKey } from '../source.ts'
import { type Holdings, holdingsOf } from './holdings.ts'
import { type ImageMemory, newImageMemory } from './image-memory.ts'

/** One lease that is, or may become, a pull. */
export interface LeaseMemory {
  readonly key: LeaseKey
  readonly shapedLikePull: boolean
  readonly image: ImageMemory
  /** The blob that was asked for, and when it came; a pull that begins anew may fetch it anew. */
  root: { readonly digest: string; readonly createdMs: number } | undefined
  /** An image record of this very digest that was told of while the lease lived; it may be gone again. */
  told: ImageRecord | undefined
  /** It holds, or held, an ingest named as pulls name theirs. */
  pullIngests: boolean
  /** It was asked, and has held nothing so far; one that went before it could be asked was not. */
  empty: boolean
  /** It was in the answer of a look. */
  shown: boolean
  /** Looks at a whole manifest that named no registry: an import's never does, a pull's does at once. */
  looksWithoutSource: number
  /** Snapshotters whose older snapshots of this image have been looked up. */
  readonly searched: Set<string>
  /** What it held when it was asked, and when that was. */
  held: Holdings
  heldAtMs: number
  /** Layers that were in flight then. */
  inFlight: ReadonlySet<string>
  /** Layers that were in flight, and are neither that nor complete: containerd is about to commit them. */
  readonly vanished: Set<string>
  /** An event told of one of its blobs or snapshots since. */
  changed: boolean
}

/** Without any sign of a change a lease is asked again after this. */
export const resourcesAgeMs = 5_000

const patience = 3

export const newLeaseMemory = (key: LeaseKey, shapedLikePull: boolean): LeaseMemory => ({
  key,
  shapedLikePull,
  image: newImageMemory(),
  root: undefined,
  told: undefined,
  pullIngests: false,
  empty: false,
  shown: false,
  looksWithoutSource: 0,
  searched: new Set<string>(),
  held: holdingsOf([]),
  heldAtMs: Number.NEGATIVE_INFINITY,
  inFlight: new Set<string>(),
  vanished: new Set<string>(),
  changed: true,
})

/** Its manifest is from no registry, and nothing of it was fetched as pulls do: an import, or a build. */
export const isOther = ({ looksWithoutSource, pullIngests }: LeaseMemory) =>
  looksWithoutSource >= patience && !pullIngests

/** The kubelet's pulls record `host/repository@digest` besides the tag, so the event of that name alone says which image. */
export function tellOfRecord(lease: LeaseMemory, name: string, atMs: number): void {
  if (lease.root && name.endsWith(`@${lease.root.digest}`) && atMs >= lease.key.createdMs) {
    lease.told = { name, updatedMs: atMs }
  }
}
