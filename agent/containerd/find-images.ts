import type { FoundImage, GoneLease, LeaseKey } from '../source.ts'
import type { BlobStore } from './blobs.ts'
import type { ContainerdClient } from './client.ts'
import { evidenceFor } from './evidence.ts'
import { childrenOf, newImageMemory, readDocuments, repositoriesIn, rootOf, seenImageOf } from './image-memory.ts'
import { exactOf, nameOf } from './keys.ts'
import type { LeaseMemory } from './lease-memory.ts'
import { findSnapshots } from './snapshots.ts'

/** What is remembered from look to look in order to find pulls that no look saw. */
export interface FindParts {
  /** Names of image records that changed, and when that was told. */
  readonly pending: Map<string, number>
  /** Images whose lease was seen, and until when what came of them was its work. */
  readonly recent: Map<string, number>
  /** Leases that came and went before they held anything we could read. */
  readonly glimpsed: Map<string, LeaseKey & { goneMs: number }>
  /** When this agent began. A pull whose manifest had come by then was seen under its lease by the agent before. */
  bornMs: number
  lastLookMs: number | undefined
}

/** The clock may have been set back: what lies ahead of it would hide all that comes until then. */
export function notAfter(parts: FindParts, atMs: number): void {
  parts.bornMs = Math.min(parts.bornMs, atMs)
  if (parts.lastLookMs !== undefined) parts.lastLookMs = Math.min(parts.lastLookMs, atMs)
}

/** A lease that went, and from when on what is there is the work of another. */
export interface Buried {
  readonly lease: GoneLease
  readonly untilMs: number
}

interface Now {
  readonly client: ContainerdClient
  readonly namespace: string
  readonly blobs: BlobStore
  readonly snapshotters: ReadonlySet<string>
  readonly live: readonly LeaseMemory[]
  readonly buried: readonly Buried[]
  readonly atMs: number
}

/** How long a changed record may wait for its lease to show what it is, and a lease that went for its record. */
const patienceMs = 10_000
/** A manifest older than the look before cannot have come between the two; clocks tick in steps. */
const slackMs = 1_000

export async function findImages(parts: FindParts, now: Now): Promise<FoundImage[]> {
  const { pending, recent, glimpsed } = parts
  for (const { lease, untilMs } of now.buried) {
    if (lease.image) recent.set(lease.image.digest, Math.min(now.atMs, untilMs))
    else glimpsed.set(nameOf(lease), { ...lease, goneMs: now.atMs })
  }
  const found = new Map<string, FoundImage>()
  const settled: string[] = []
  /** Glimpsed leases that an image of this look was pulled under. */
  const claimed = new Set<string>()
  for (const [name, toldMs] of pending) {
    const digest = (await now.client.image(now.namespace, name))?.target?.digest
    const covered = digest === undefined || found.has(digest) || now.live.some(({ image }) => rootOf(image) === digest)
    // A lease that shows nothing yet may be the very pull that made this record.
    const mayBe = now.live.some(({ image, key }) => rootOf(image) === undefined && key.createdMs <= toldMs)
    if (!covered && mayBe && now.atMs - toldMs < patienceMs) continue
    settled.push(name)
    if (covered) continue
    const image = await readImage(parts, now, digest, claimed)
    if (image === undefined) continue
    found.set(digest, image)
    if (image.lease) claimed.add(nameOf(image.lease))
  }
  // Only now: where a call failed on the way, all of them are asked about again.
  for (const name of settled) pending.delete(name)
  for (const [digest, { lease }] of found) {
    recent.set(digest, now.atMs)
    if (lease) glimpsed.delete(nameOf(lease))
  }
  for (const [digest, goneMs] of recent) if (now.atMs - goneMs > 6 * patienceMs) recent.delete(digest)
  for (const [name, { goneMs }] of glimpsed) if (now.atMs - goneMs > patienceMs) glimpsed.delete(name)
  return [...found.values()]
}

/** The image behind a changed record, if it was pulled since the last look: not tagged, built or imported. */
async function readImage(
  parts: FindParts,
  now: Now,
  digest: string,
  claimed: ReadonlySet<string>,
): Promise<FoundImage | undefined> {
  const { client, namespace, blobs, snapshotters } = now
  const facts = await blobs.refresh(digest)
  if (!facts || facts.repositories.length === 0) return undefined
  if (facts.createdMs < Math.max(parts.bornMs, (parts.lastLookMs ?? 0) - slackMs)) return undefined
  const goneMs = parts.recent.get(digest)
  if (goneMs !== undefined && facts.createdMs < goneMs) return undefined

  const image = newImageMemory()
  await readDocuments(image, [digest], blobs)
  await readDocuments(image, childrenOf(image), blobs)
  await findSnapshots(client, namespace, { image, searched: new Set() }, snapshotters, new Map())
  const { records } = await evidenceFor(client, namespace, image, digest, snapshotters, blobs)
  const repositories = repositoriesIn(image, facts.createdMs, blob => blobs.known(blob))
  const seen = seenImageOf(image, repositories, { offsets: new Map(), extracting: new Set() })
  if (!seen) return undefined
  // Its lease was there when its manifest came.
  const before = [...parts.glimpsed].flatMap(([name, lease]) => {
    const fits = lease.createdMs <= facts.createdMs && facts.createdMs <= lease.goneMs
    return fits && !claimed.has(name) ? lease : []
  })
  return {
    namespace,
    manifestCreatedAt: exactOf(facts.createdAt),
    manifestCreatedMs: facts.createdMs,
    image: seen,
    records: records.filter(({ updatedMs }) => updatedMs >= facts.createdMs),
    lease: before.length === 1 ? before[0] : undefined,
  }
}
