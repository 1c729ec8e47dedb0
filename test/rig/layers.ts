import { createCipheriv, createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { constants, gzip, zstdCompress } from 'node:zlib'
import { pack } from 'tar-stream'
import { sha256 } from '../../build/oci/blob.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

export interface LayerSpec {
  /** Content before the tar and the compression; random, so that it stays about as large. */
  readonly bytes: number
  /** The same seed and sizes give the same layer, byte for byte: that is how images share one. */
  readonly seed?: string
  /** Spread over this many files: many make unpacking slow. Default 1. */
  readonly files?: number
  readonly compression?: Compression
}

/** A layer as it was made. All sizes in bytes. */
export interface Layer {
  readonly digest: string
  /** Compressed. */
  readonly size: number
  /** Digest of the uncompressed tar. */
  readonly diffId: string
  readonly compression: Compression
  /** Where its files are, named `0`, `1` and so on. */
  readonly folder: string
  readonly blob: Buffer
}

export async function buildLayer(spec: LayerSpec): Promise<Layer> {
  const { bytes, seed = 'layer', files = 1, compression = 'gzip' } = spec
  const content = randomBytesOf(`${seed}/${bytes}/${files}`, bytes)
  const tar = pack()
  const each = Math.ceil(bytes / files)
  const folder = sha256(seed).slice('sha256:'.length, 19)
  for (let i = 0; i < files; i += 1) {
    tar.entry({ name: `${folder}/${i}`, mtime: new Date(0) }, content.subarray(i * each, (i + 1) * each))
  }
  tar.finalize()
  const plain = await buffer(tar)
  const blob = await compress[compression](plain)
  return { digest: sha256(blob), size: blob.byteLength, diffId: sha256(plain), compression, folder, blob }
}

// Random content does not get smaller: the quickest level costs nothing in size.
const compress: Record<Compression, (tar: Buffer) => Promise<Buffer>> = {
  gzip: tar => promisify(gzip)(tar, { level: 1 }) as Promise<Buffer>,
  zstd: tar => promisify(zstdCompress)(tar, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
  none: async tar => tar,
}

/** The same bytes for the same seed: the key stream of a cipher keyed by it. */
export function randomBytesOf(seed: string, bytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}

/** The ids of the snapshots that unpacking makes, bottom first (OCI image spec, "Layer ChainID"). */
export function chainIdsOf(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const parent = chain.at(-1)
    chain.push(parent === undefined ? diffId : sha256(`${parent} ${diffId}`))
  }
  return chain
}
