import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import type { Blob } from '../../build/oci/blob.ts'
import type { BuiltImage } from './images.ts'

/** Puts the image into a registry by the distribution API: what is there already is not sent again. */
export async function pushImage(host: string, image: BuiltImage): Promise<void> {
  const repository = `http://${host}/v2/${image.name}`
  for (const blob of image.blobs) await pushBlob(repository, blob)
  for (const manifest of image.manifests) await putManifest(repository, manifest, manifest.digest)
  await tagImage(host, image, image.tag)
}

/** Lets another tag of the same repository point to the image. */
export async function tagImage(host: string, image: BuiltImage, tag: string): Promise<void> {
  await putManifest(`http://${host}/v2/${image.name}`, image.manifests.at(-1)!, tag)
}

async function pushBlob(repository: string, { digest, bytes }: Blob): Promise<void> {
  const there = await fetch(`${repository}/blobs/${digest}`, { method: 'HEAD' })
  if (there.ok) return
  const begun = await answered(202, fetch(`${repository}/blobs/uploads/`, { method: 'POST' }))
  const upload = new URL(begun.headers.get('location')!, repository)
  upload.searchParams.set('digest', digest)
  const headers = { 'content-type': 'application/octet-stream' }
  await answered(201, fetch(upload, { method: 'PUT', headers, body: new Uint8Array(bytes) }))
}

async function putManifest(repository: string, { mediaType, bytes }: Blob, reference: string): Promise<void> {
  const headers = { 'content-type': mediaType }
  const body = new Uint8Array(bytes)
  await answered(201, fetch(`${repository}/manifests/${reference}`, { method: 'PUT', headers, body }))
}

async function answered(status: number, request: Promise<Response>): Promise<Response> {
  const response = await request
  const text = await response.text()
  if (response.status !== status) {
    throw new Error(`${response.url} must answer ${status}, got ${response.status}: ${text.slice(0, 300)}`)
  }
  return response
}

/** Writes the image as an OCI layout in a tar, named `ref`: what `ctr images import` reads. */
export async function saveImage(image: BuiltImage, ref: string, file: string): Promise<void> {
  const target = image.manifests.at(-1)!
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: target.mediaType,
        digest: target.digest,
        size: target.bytes.byteLength,
        annotations: { 'io.containerd.image.name': ref, 'org.opencontainers.image.ref.name': image.tag },
      },
    ],
  }
  const tar = pack()
  const blobs = new Map([...image.blobs, ...image.manifests].map(blob => [blob.digest, blob.bytes]))
  tar.entry({ name: 'oci-layout' }, JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  tar.entry({ name: 'index.json' }, JSON.stringify(index))
  for (const [digest, bytes] of blobs) tar.entry({ name: `blobs/${digest.replace(':', '/')}` }, bytes)
  tar.finalize()
  await pipeline(tar as unknown as AsyncIterable<Buffer>, createWriteStream(file))
}
