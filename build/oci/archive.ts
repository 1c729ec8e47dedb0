import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { type Blob, type Descriptor, descriptorOf } from './blob.ts'
import { describe, type Image, indexOf } from './image.ts'
import { mediaTypes } from './media-types.ts'

/**
 * Writes images as one OCI archive: a tar of an OCI image layout. `ref` is the name under which containerd, kind and
 * k3s take it up; several processors become one image with an index. The file appears whole or not at all.
 */
export async function writeArchive(target: string, ref: string, images: readonly Image[]): Promise<void> {
  const tar = pack()
  const partial = `${target}.partial`
  try {
    const written = pipeline(tar, createWriteStream(partial))
    for (const [name, bytes] of filesOf(ref, images)) tar.entry({ name, mode: 0o644, mtime: new Date(0) }, bytes)
    tar.finalize()
    await written
    await rename(partial, target)
  } finally {
    await rm(partial, { force: true })
  }
}

function filesOf(ref: string, images: readonly Image[]): Map<string, Buffer> {
  const index = images.length > 1 ? indexOf(images) : undefined
  const target: Descriptor = index ? descriptorOf(index) : describe(images[0]!)
  // The tag alone is what the image spec means by a reference; containerd has its own annotation for the whole.
  const annotations = {
    'io.containerd.image.name': ref,
    'org.opencontainers.image.ref.name': ref.slice(ref.lastIndexOf(':') + 1),
  }
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const files = new Map<string, Buffer>([
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    [
      'index.json',
      json({ schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests: [{ ...target, annotations }] }),
    ],
  ])
  const blobs: Blob[] = [...(index ? [index] : []), ...images.flatMap(({ manifest, blobs }) => [manifest, ...blobs])]
  for (const { digest, bytes } of blobs) files.set(`blobs/${digest.replace(':', '/')}`, bytes)
  return files
}
