import { createHash } from 'node:crypto'

/** The parts of a blob of JSON that tell what an image is made of. */
export type ImageDocument =
  | { readonly kind: 'index'; readonly manifests: readonly IndexEntry[] }
  | { readonly kind: 'manifest'; readonly configDigest: string; readonly layers: readonly LayerDescriptor[] }
  | { readonly kind: 'config'; readonly platform: string | undefined; readonly diffIds: readonly string[] }

export interface IndexEntry {
  readonly digest: string
  readonly platform: string | undefined
  /** Provenance and the like: about an image, and never part of one. */
  readonly attestation: boolean
}

export interface LayerDescriptor {
  readonly digest: string
  readonly mediaType: string
  readonly sizeBytes: number
}

/** Registries refuse larger manifests, and containerd reads no larger ones. */
export const maxDocumentBytes = 8 * 1024 * 1024

/**
 * Index, manifest or config by its shape, OCI or Docker: `mediaType` inside is optional in
 * OCI 1.0 and is wrong in some images, the fields are not. Undefined for everything else.
 */
export function parseImageDocument(bytes: Uint8Array): ImageDocument | undefined {
  const json = objectOf(parseJson(bytes))
  if (!json) return undefined
  if (Array.isArray(json['manifests'])) {
    return { kind: 'index', manifests: json['manifests'].flatMap(entry => indexEntryOf(objectOf(entry)) ?? []) }
  }
  const configDigest = objectOf(json['config'])?.['digest']
  if (Array.isArray(json['layers']) && typeof configDigest === 'string') {
    const layers = json['layers'].map(layer => layerOf(objectOf(layer)))
    // One layer we cannot read makes every total a lie.
    return layers.every(layer => layer !== undefined) ? { kind: 'manifest', configDigest, layers } : undefined
  }
  const diffIds = objectOf(json['rootfs'])?.['diff_ids']
  if (Array.isArray(diffIds) && diffIds.every(id => typeof id === 'string')) {
    return { kind: 'config', platform: platformOf(json), diffIds }
  }
  return undefined
}

/** OCI image spec, config.md, "Layer ChainID": what a snapshot of these layers is called. */
export function chainIdsOf(diffIds: readonly string[]): readonly string[] {
  const chainIds: string[] = []
  for (const diffId of diffIds) {
    const parent = chainIds.at(-1)
    chainIds.push(
      parent === undefined ? diffId : `sha256:${createHash('sha256').update(`${parent} ${diffId}`).digest('hex')}`,
    )
  }
  return chainIds
}

type Json = Record<string, unknown>

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    // Not JSON: a layer, or something that is none of our business.
    return undefined
  }
}

const objectOf = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

function indexEntryOf(entry: Json | undefined): IndexEntry | undefined {
  if (typeof entry?.['digest'] !== 'string') return undefined
  const annotations = objectOf(entry['annotations'])
  const platform = platformOf(objectOf(entry['platform']))
  const attestation = annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
  return { digest: entry['digest'], platform, attestation: attestation || platform === 'unknown/unknown' }
}

function layerOf(layer: Json | undefined): LayerDescriptor | undefined {
  const { digest, mediaType, size } = layer ?? {}
  if (typeof digest !== 'string' || !Number.isSafeInteger(size) || (size as number) < 0) return undefined
  return { digest, mediaType: typeof mediaType === 'string' ? mediaType : '', sizeBytes: size as number }
}

function platformOf(json: Json | undefined): string | undefined {
  const { os, architecture, variant } = json ?? {}
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined
  return typeof variant === 'string' && variant !== '' ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`
}
