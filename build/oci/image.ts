import { type Blob, type Descriptor, descriptorOf, jsonBlob } from './blob.ts'
import type { ImageLayer } from './layer.ts'
import { mediaTypes } from './media-types.ts'

export type Architecture = 'amd64' | 'arm64'

/** What a container gets when its pod does not say (OCI image spec, "Image Configuration"). */
export interface ImageDefaults {
  readonly User: string
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly Labels: Readonly<Record<string, string>>
}

/** An image for one processor: its manifest, and everything that the manifest names. */
export interface Image {
  readonly architecture: Architecture
  readonly manifest: Blob
  readonly blobs: readonly Blob[]
  /** What a node that has none of it fetches. Compressed bytes, of the layers. */
  readonly totalBytes: number
}

/** No build date: the same content is the same image. Tools show 1970. */
const created = '1970-01-01T00:00:00Z'

export function imageOf(architecture: Architecture, layers: readonly ImageLayer[], defaults: ImageDefaults): Image {
  const types = mediaTypes.oci
  const config = jsonBlob(types.config, {
    created,
    ...platformOf(architecture),
    config: defaults,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ comment }) => ({ created, created_by: 'make image', comment })),
  })
  const blobs = layers.map(({ blob }) => blob)
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: blobs.map(descriptorOf),
  })
  const totalBytes = blobs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  return { architecture, manifest, blobs: [...blobs, config], totalBytes }
}

/** One image for several processors. */
export const indexOf = (images: readonly Image[]): Blob =>
  jsonBlob(mediaTypes.oci.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.index,
    manifests: images.map(describe),
  })

export const describe = ({ architecture, manifest }: Image): Descriptor & { readonly platform: object } => ({
  ...descriptorOf(manifest),
  platform: platformOf(architecture),
})

const platformOf = (architecture: Architecture) => ({
  architecture,
  os: 'linux',
  ...(architecture === 'arm64' && { variant: 'v8' }),
})
