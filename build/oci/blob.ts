import { createHash } from 'node:crypto'

/** Content that is known by its digest (OCI image spec, "Content Descriptors"). */
export interface Blob {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Buffer
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export const sha256 = (bytes: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export function jsonBlob(mediaType: string, value: unknown): Blob {
  const bytes = Buffer.from(JSON.stringify(value))
  return { mediaType, bytes, digest: sha256(bytes) }
}

export const descriptorOf = ({ mediaType, digest, bytes }: Blob): Descriptor => ({
  mediaType,
  digest,
  size: bytes.byteLength,
})
