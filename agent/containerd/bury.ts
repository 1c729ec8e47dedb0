import type { GoneLease } from '../source.ts'
import type { BlobStore } from './blobs.ts'
import type { ContainerdClient } from './client.ts'
import { type Evidence, evidenceFor } from './evidence.ts'
import type { Buried } from './find-images.ts'
import { childrenOf, type InFlight, readDocuments, repositoriesIn, rootOf, seenImageOf } from './image-memory.ts'
import type { LeaseMemory } from './lease-memory.ts'

export interface BuryParts {
  readonly client: ContainerdClient
  readonly namespace: string
  readonly blobs: BlobStore
  readonly snapshotters: ReadonlySet<string>
  readonly runtimeStartedMs: number
  readonly inFlight: InFlight
}

/** Gathers what a lease that went has left. `others`: the leases that go on, or went since the same look. */
export async function bury(lease: LeaseMemory, others: readonly LeaseMemory[], parts: BuryParts): Promise<Buried> {
  const { client, namespace, blobs, snapshotters, runtimeStartedMs, inFlight } = parts
  const { image, key } = lease
  // The last documents may have come since the last look.
  await readDocuments(image, childrenOf(image), blobs)
  const root = rootOf(image)
  const restarted = key.createdMs < runtimeStartedMs
  // A pull ends with the containerd that worked on it, and with its manifest: what came since is its retry's.
  const untilMs = Math.min(
    restarted ? runtimeStartedMs : Number.POSITIVE_INFINITY,
    (await fetchedAgainMs(lease, root, blobs)) ?? Number.POSITIVE_INFINITY,
  )
  const shared = sharesOpenLayers(lease, others)
  const found = await evidenceFor(client, namespace, image, root, snapshotters, blobs, untilMs)
  const evidence = withTold(found, lease, untilMs)
  const recorded = evidence.records.some(({ updatedMs }) => updatedMs >= key.createdMs)
  const repositories = repositoriesIn(image, key.createdMs, digest => blobs.known(digest))
  const gone: GoneLease = {
    ...key,
    because: restarted ? 'restarted' : 'deleted',
    image: seenImageOf(image, repositories, { ...inFlight, offsets: new Map() }),
    evidence: shared && !recorded ? withoutShared(evidence) : evidence,
  }
  return { lease: gone, untilMs }
}

/** An image that was removed as soon as it was there has left nothing but the event of its record. */
const withTold = (evidence: Evidence, { told }: LeaseMemory, untilMs: number): Evidence =>
  told && told.updatedMs < untilMs && evidence.records.length === 0 ? { ...evidence, records: [told] } : evidence

/** When the manifest came that is there now, if it is not the one that this pull had fetched. */
async function fetchedAgainMs({ root: seen }: LeaseMemory, root: string | undefined, blobs: BlobStore) {
  const facts = root === undefined ? undefined : await blobs.refresh(root)
  return facts && seen && seen.digest === root && facts.createdMs > seen.createdMs ? facts.createdMs : undefined
}

/** Whether another pull wants a layer that this one never saw whole. */
function sharesOpenLayers({ image }: LeaseMemory, others: readonly LeaseMemory[]): boolean {
  const wanted = new Set(others.flatMap(other => (other.image.layers ?? []).map(({ digest }) => digest)))
  const open = (image.layers ?? []).filter(
    ({ blobCreatedMs, snapshotCreatedMs }) => blobCreatedMs === undefined && snapshotCreatedMs === undefined,
  )
  return open.some(({ digest }) => wanted.has(digest))
}

/** What another pull may have completed since says nothing of this one: only a record would. */
const withoutShared = (evidence: Evidence): Evidence => ({
  ...evidence,
  contentComplete: false,
  topSnapshotMs: undefined,
})
