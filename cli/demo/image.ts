import { createHash } from 'node:crypto'

/** What the demo makes a layer from: equal `name` and `bytes` are one layer, in whatever images it stands. */
export interface LayerSpec {
  readonly name: string
  /** Compressed. */
  readonly bytes: number
}

export interface ImageSpec {
  /** `host/repository:tag`. */
  readonly ref: string
  readonly layers: readonly LayerSpec[]
  /** Default gzip. Docker's media types know no zstd. */
  readonly compression?: 'gzip' | 'zstd'
  /** Default oci. */
  readonly mediaTypes?: 'oci' | 'docker'
  /** Behind an index, beside an image for another processor. */
  readonly index?: boolean
  /** Behind an index, beside an attestation manifest as BuildKit writes it. */
  readonly attestations?: boolean
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export interface Document extends Descriptor {
  readonly bytes: Buffer
  /** What containerd writes on the blob so that its children are kept: gc.ref.content labels. */
  readonly childLabels: Readonly<Record<string, string>>
}

export interface Layer extends Descriptor {
  readonly diffId: string
  readonly chainId: string
}

export interface DemoImage {
  readonly ref: string
  readonly host: string
  readonly repository: string
  readonly index: Document | undefined
  readonly manifest: Document
  readonly config: Document
  readonly layers: readonly Layer[]
  /** What the image record points to: the index when there is one. */
  readonly target: Document
}

const types = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.',
  },
} as const

/** This machine's processor in the words of OCI. */
const architecture = process.arch === 'x64' ? 'amd64' : process.arch
const otherArchitecture = architecture === 'amd64' ? 'arm64' : 'amd64'

/** True documents around layers that exist by digest and size only: nobody reads a layer's bytes. */
export function buildImage(spec: ImageSpec): DemoImage {
  const { ref, compression = 'gzip', mediaTypes: family = 'oci' } = spec
  const { host, repository } = splitRef(ref)
  const layers = layersOf(spec.layers, types[family].layer + compression)
  const config = documentOf(types[family].config, {
    architecture,
    os: 'linux',
    // Two tags of equal layers in one repository are one image; in two repositories they are not.
    config: { Labels: { 'org.opencontainers.image.title': repository } },
    rootfs: { type: 'layers', diff_ids: layers.map(layer => layer.diffId) },
  })
  const manifest = documentOf(
    types[family].manifest,
    { config: descriptorOf(config), layers: layers.map(descriptorOf) },
    {
      [`${refLabel}config`]: config.digest,
      ...Object.fromEntries(layers.map((layer, i) => [`${refLabel}l.${i}`, layer.digest])),
    },
  )
  const index = spec.index || spec.attestations ? indexOf(spec, manifest, types[family].index) : undefined
  return { ref, host, repository, index, manifest, config, layers, target: index ?? manifest }
}

const refLabel = 'containerd.io/gc.ref.content.'

/** `host` without its port, as containerd writes it into the label distribution.source. */
function splitRef(ref: string): { host: string; repository: string } {
  const slash = ref.indexOf('/')
  return { host: ref.slice(0, slash).replace(/:\d+$/, ''), repository: ref.slice(slash + 1).replace(/[:@].*$/, '') }
}

/** Which repository a blob came from. One that several gave names them all. */
export function sourceLabel({ host, repository }: DemoImage, labels: Readonly<Record<string, string>>) {
  const name = `containerd.io/distribution.source.${host}`
  const known = labels[name]?.split(',') ?? []
  return { [name]: [...new Set([...known, repository])].sort().join(',') }
}

function layersOf(specs: readonly LayerSpec[], mediaType: string): Layer[] {
  const layers: Layer[] = []
  for (const { name, bytes } of specs) {
    const diffId = sha256(`${name} ${bytes} unpacked`)
    const parent = layers.at(-1)
    // OCI image spec, config.md, "Layer ChainID".
    const chainId = parent ? sha256(`${parent.chainId} ${diffId}`) : diffId
    layers.push({ mediaType, digest: sha256(`${name} ${bytes} ${mediaType}`), size: bytes, diffId, chainId })
  }
  return layers
}

/** The entries beside the image are never fetched: another processor's, and what BuildKit says about the build. */
function indexOf(spec: ImageSpec, manifest: Document, mediaType: string): Document {
  const entries: object[] = [{ ...descriptorOf(manifest), platform: { architecture, os: 'linux' } }]
  if (spec.index) {
    const other = { mediaType: manifest.mediaType, digest: sha256(`${spec.ref} ${otherArchitecture}`), size: 1_171 }
    entries.push({ ...other, platform: { architecture: otherArchitecture, os: 'linux' } })
  }
  if (spec.attestations) {
    entries.push({
      mediaType: types.oci.manifest,
      digest: sha256(`${spec.ref} attestation`),
      size: 841,
      annotations: {
        'vnd.docker.reference.digest': manifest.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    })
  }
  const labels = entries.map((entry, i) => [`${refLabel}m.${i}`, (entry as Descriptor).digest])
  return documentOf(mediaType, { manifests: entries }, Object.fromEntries(labels))
}

function documentOf(mediaType: string, content: object, childLabels: Record<string, string> = {}): Document {
  const isConfig = 'rootfs' in content
  const bytes = Buffer.from(JSON.stringify(isConfig ? content : { schemaVersion: 2, mediaType, ...content }))
  return { mediaType, digest: sha256(bytes), size: bytes.length, bytes, childLabels }
}

const descriptorOf = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })

const sha256 = (data: string | Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`
