import type { SeenImage, SeenLayer } from '../source.ts'
import type { BlobFacts, BlobStore } from './blobs.ts'
import { chainIdsOf, type ImageDocument } from './manifest.ts'

/** A layer as the manifest lists it, with what has been learned so far. Facts only ever get added. */
export interface LayerMemory {
  readonly digest: string
  readonly mediaType: string
  readonly totalBytes: number
  /** Of every place the layer has in the image; one image may hold the same layer twice. */
  chainIds: string[]
  blobCreatedMs: number | undefined
  snapshotCreatedMs: number | undefined
}

/** What is known of the image of one lease. Documents are read once: they cannot change. */
export interface ImageMemory {
  readonly documents: Map<string, ImageDocument>
  /** Blobs that turned out to be no document. */
  readonly refused: Set<string>
  layers: LayerMemory[] | undefined
  /** Manifests that `layers` was made of. */
  manifests: readonly string[]
  configsRead: number
}

export const newImageMemory = (): ImageMemory => ({
  documents: new Map(),
  refused: new Set(),
  layers: undefined,
  manifests: [],
  configsRead: 0,
})

/**
 * Reads what is new among the blobs of a lease. Until a manifest is known any blob may be it, and
 * its label may be late; from then on only what an index of this image names is of interest.
 */
export async function readDocuments(memory: ImageMemory, digests: Iterable<string>, blobs: BlobStore): Promise<void> {
  const unread = [...digests].filter(digest => !memory.documents.has(digest) && !memory.refused.has(digest))
  const named = memory.layers && childrenOf(memory)
  const wanted = unread.filter(digest => !named || named.has(digest))
  // As in nearly every look: nothing is new, and what there was has been arranged.
  if (wanted.length === 0 && memory.layers && memory.configsRead === memory.manifests.length) return
  await Promise.all(wanted.map(digest => readDocument(memory, digest, blobs)))
  arrange(memory)
  const configs = manifestsOf(memory).map(([, { configDigest }]) => configDigest)
  await Promise.all(
    configs.filter(digest => !memory.documents.has(digest)).map(digest => readDocument(memory, digest, blobs, true)),
  )
  arrange(memory)
}

/** A layer may be this small too; it is asked for again only while no manifest is known. */
const mayBeDocumentBytes = 1024 * 1024

async function readDocument(memory: ImageMemory, digest: string, blobs: BlobStore, config = false): Promise<void> {
  const known = blobs.known(digest)
  if (known && !known.hasChildren && !config && known.sizeBytes > mayBeDocumentBytes) return
  const facts = known?.hasChildren || (known && config) ? known : await blobs.refresh(digest)
  // Not there yet, or a manifest whose children are not labelled yet: the next look finds it.
  if (!facts || (!config && !facts.hasChildren)) return
  const document = await blobs.document(digest)
  if (document) memory.documents.set(digest, document)
  else memory.refused.add(digest)
}

/** What the indexes of this image name, attestations left out. */
export function childrenOf({ documents }: ImageMemory): ReadonlySet<string> {
  const children = new Set<string>()
  for (const document of documents.values()) {
    if (document.kind !== 'index') continue
    for (const { digest, attestation } of document.manifests) if (!attestation) children.add(digest)
  }
  return children
}

type Manifest = Extract<ImageDocument, { kind: 'manifest' }>

/** Of this image, without attestations: what a person means by its layers. */
function manifestsOf({ documents }: ImageMemory): [string, Manifest][] {
  const attestations = new Set<string>()
  for (const document of documents.values()) {
    if (document.kind !== 'index') continue
    for (const entry of document.manifests) if (entry.attestation) attestations.add(entry.digest)
  }
  return [...documents].filter(
    (entry): entry is [string, Manifest] => entry[1].kind === 'manifest' && !attestations.has(entry[0]),
  )
}

/** Makes the list of layers when the first manifest is there, and their chain ids when its config is. */
function arrange(memory: ImageMemory): void {
  const manifests = manifestsOf(memory)
  if (manifests.length === 0) return
  const configs = manifests.filter(([, { configDigest }]) => memory.documents.get(configDigest)?.kind === 'config')
  if (memory.manifests.length === manifests.length && memory.configsRead === configs.length) return
  const known = new Map(memory.layers?.map(layer => [layer.digest, layer]))
  const layers = new Map<string, LayerMemory>()
  for (const [, { layers: descriptors, configDigest }] of manifests) {
    const config = memory.documents.get(configDigest)
    const chainIds = config?.kind === 'config' ? chainIdsOf(config.diffIds) : []
    for (const [index, { digest, mediaType, sizeBytes }] of descriptors.entries()) {
      const layer = layers.get(digest) ?? {
        blobCreatedMs: undefined,
        snapshotCreatedMs: undefined,
        ...known.get(digest),
        digest,
        mediaType,
        totalBytes: sizeBytes,
        chainIds: [],
      }
      const chainId = chainIds.length === descriptors.length ? chainIds[index] : undefined
      if (chainId !== undefined) layer.chainIds.push(chainId)
      layers.set(digest, layer)
    }
  }
  memory.layers = [...layers.values()]
  memory.manifests = manifests.map(([digest]) => digest)
  memory.configsRead = configs.length
}

/** The digest that was asked for: an index that no other index holds, else the manifest. */
export function rootOf(memory: ImageMemory): string | undefined {
  const children = new Set<string>()
  for (const document of memory.documents.values()) {
    if (document.kind === 'index') for (const { digest } of document.manifests) children.add(digest)
  }
  const roots = [...memory.documents].filter(([digest, { kind }]) => kind !== 'config' && !children.has(digest))
  return (roots.find(([, { kind }]) => kind === 'index') ?? roots[0])?.[0]
}

export function platformOf(memory: ImageMemory): string | undefined {
  const manifests = manifestsOf(memory)
  if (manifests.length !== 1) return undefined
  const [digest, { configDigest }] = manifests[0]!
  for (const document of memory.documents.values()) {
    if (document.kind !== 'index') continue
    const entry = document.manifests.find(child => child.digest === digest)
    if (entry?.platform !== undefined) return entry.platform
  }
  const config = memory.documents.get(configDigest)
  return config?.kind === 'config' ? config.platform : undefined
}

/**
 * Which registry and repository. A manifest that is in several carries all their names;
 * what arrived during this lease was fetched for this pull alone, so its labels narrow them down.
 */
export function repositoriesIn(memory: ImageMemory, sinceMs: number, facts: (digest: string) => BlobFacts | undefined) {
  let candidates = facts(rootOf(memory) ?? '')?.repositories ?? []
  if (candidates.length < 2) return candidates
  const digests = [...memory.documents.keys(), ...(memory.layers ?? []).map(({ digest }) => digest)]
  for (const digest of digests) {
    const blob = facts(digest)
    if (!blob || blob.createdMs < sinceMs) continue
    const both = candidates.filter(candidate => blob.repositories.includes(candidate))
    if (both.length > 0) candidates = both
  }
  return candidates
}

export interface InFlight {
  readonly offsets: ReadonlyMap<string, number>
  readonly extracting: ReadonlySet<string>
}

export function seenImageOf(
  memory: ImageMemory,
  repositories: readonly string[],
  now: InFlight,
): SeenImage | undefined {
  const digest = rootOf(memory)
  if (digest === undefined) return undefined
  const layers = memory.layers?.map(
    (layer): SeenLayer => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      totalBytes: layer.totalBytes,
      ingestOffset: now.offsets.get(layer.digest),
      blobCreatedMs: layer.blobCreatedMs,
      snapshotCreatedMs: layer.snapshotCreatedMs,
      extracting: layer.chainIds.some(chainId => now.extracting.has(chainId)),
    }),
  )
  return { digest, repositories, platform: platformOf(memory), layers }
}
