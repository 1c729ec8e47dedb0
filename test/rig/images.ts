import { type Blob, descriptorOf, jsonBlob } from '../../build/oci/blob.ts'
import { type Family, mediaTypes } from '../../build/oci/media-types.ts'
import { buildLayer, type Compression, chainIdsOf, type Layer, type LayerSpec } from './layers.ts'

export interface ImageSpec {
  /** Repository without the host: `team/app`. */
  readonly name: string
  /** Default `v1`. */
  readonly tag?: string
  /** Specs, or layers already built to share them between images. */
  readonly layers: readonly (LayerSpec | Layer)[]
  /** For layers that do not say. Default gzip. */
  readonly compression?: Compression
  readonly mediaTypes?: Family
  /** Behind an index (OCI) or a manifest list (Docker), beside an image for another processor. */
  readonly index?: boolean
  /** As BuildKit makes them: an index with an attestation manifest (platform unknown/unknown) beside the image. */
  readonly attestations?: boolean
}

/** An image as it was made: the oracle of every test that pulls it. Sizes are compressed bytes. */
export interface BuiltImage {
  readonly name: string
  readonly tag: string
  /** What the tag points to: the index when there is one, else the manifest. */
  readonly targetDigest: string
  /** Of this machine's platform. */
  readonly manifestDigest: string
  readonly indexDigest: string | undefined
  readonly configDigest: string
  readonly layers: readonly (Layer & { readonly mediaType: string })[]
  readonly chainIds: readonly string[]
  /** Sum over the distinct layers of this machine's platform. */
  readonly totalBytes: number
  /** The reference as pulled through `host` (a registry or a proxy in front of it). */
  ref(host: string): string
  /** Everything to push: blobs first, then manifests, the target last. */
  readonly blobs: readonly Blob[]
  readonly manifests: readonly Blob[]
}

/** This machine's processor in the words of OCI. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch
const otherArchitecture = architecture === 'amd64' ? 'arm64' : 'amd64'

export async function buildImage(spec: ImageSpec): Promise<BuiltImage> {
  const { name, tag = 'v1', mediaTypes: family = 'oci', compression = 'gzip' } = spec
  const built = await Promise.all(
    spec.layers.map(async (layer, i) =>
      'blob' in layer ? layer : buildLayer({ compression, seed: `${name}:${tag}/${i}`, ...layer }),
    ),
  )
  const own = imageOf(built, family, architecture, `${name}:${tag}`)
  const blobs = [...own.blobs]
  const manifests = [own.manifest]
  let target = own.manifest
  if (spec.index || spec.attestations) {
    const entries: object[] = [entryOf(own.manifest, { architecture, os: 'linux' })]
    if (spec.index) {
      const layer = await buildLayer({ bytes: 10_000, seed: `${name}:${tag}/${otherArchitecture}` })
      const other = imageOf([layer], family, otherArchitecture, `${name}:${tag}`)
      blobs.push(...other.blobs)
      manifests.push(other.manifest)
      entries.push(entryOf(other.manifest, { architecture: otherArchitecture, os: 'linux' }))
    }
    if (spec.attestations) {
      const attestation = attestationOf(own.manifest)
      blobs.push(...attestation.blobs)
      manifests.push(attestation.manifest)
      entries.push({ ...entryOf(attestation.manifest, unknownPlatform), annotations: attestation.annotations })
    }
    const mediaType = mediaTypes[family].index
    target = jsonBlob(mediaType, { schemaVersion: 2, mediaType, manifests: entries })
    manifests.push(target)
  }
  const distinct = new Map(own.layers.map(layer => [layer.digest, layer.size]))
  return {
    name,
    tag,
    targetDigest: target.digest,
    manifestDigest: own.manifest.digest,
    indexDigest: target === own.manifest ? undefined : target.digest,
    configDigest: own.config.digest,
    layers: own.layers,
    chainIds: chainIdsOf(built.map(layer => layer.diffId)),
    totalBytes: [...distinct.values()].reduce((sum, size) => sum + size, 0),
    ref: host => `${host}/${name}:${tag}`,
    blobs,
    manifests,
  }
}

function imageOf(built: readonly Layer[], family: Family, arch: string, comment: string) {
  const types = mediaTypes[family]
  const layers = built.map(layer => ({ ...layer, mediaType: types.layer[layer.compression] }))
  const config = jsonBlob(types.config, {
    architecture: arch,
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    // Two images of the same layers are still two images.
    config: { Labels: { comment } },
    rootfs: { type: 'layers', diff_ids: built.map(layer => layer.diffId) },
  })
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  })
  const blobs = [...layers.map(({ mediaType, digest, blob }) => ({ mediaType, digest, bytes: blob })), config]
  return { layers, config, manifest, blobs }
}

const unknownPlatform = { architecture: 'unknown', os: 'unknown' }

/** The shape that BuildKit gives to provenance: docs.docker.com, "Image attestation storage". */
function attestationOf(subject: Blob) {
  const types = mediaTypes.oci
  const annotations = {
    'vnd.docker.reference.digest': subject.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  const statement = jsonBlob('application/vnd.in-toto+json', {
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subject: [{ name: 'image', digest: { sha256: subject.digest.slice('sha256:'.length) } }],
    predicate: {},
  })
  const config = jsonBlob(types.config, {
    ...unknownPlatform,
    config: {},
    rootfs: { type: 'layers', diff_ids: [statement.digest] },
  })
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: [descriptorOf(statement)],
  })
  return { manifest, annotations, blobs: [statement, config] }
}

const entryOf = (manifest: Blob, platform: { architecture: string; os: string }) => ({
  ...descriptorOf(manifest),
  platform,
})
