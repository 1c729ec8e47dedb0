import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { readTar, type TarEntry } from '../../build/image/tar.ts'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** An OCI archive read from the disk, by its specification and not by what wrote it. */
export interface Archive {
  readonly blobs: ReadonlyMap<string, Buffer>
  readonly index: { readonly manifests: readonly (Descriptor & { readonly annotations: Record<string, string> })[] }
  json<T>(descriptor: Pick<Descriptor, 'digest'>): T
  /** Layers of a manifest, uncompressed. */
  layers(manifest: Pick<Descriptor, 'digest'>): Promise<Buffer[]>
}

export interface Manifest {
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

export async function readArchive(file: string): Promise<Archive> {
  const files = new Map<string, Buffer>()
  for await (const { path, bytes } of readTar(readFileSync(file))) files.set(path, bytes)
  const blobs = new Map<string, Buffer>()
  for (const [path, bytes] of files) {
    const [, algorithm, hex] = /^blobs\/(\w+)\/(\w+)$/.exec(path) ?? []
    if (hex !== undefined) blobs.set(`${algorithm}:${hex}`, bytes)
  }
  const blob = ({ digest }: Pick<Descriptor, 'digest'>) => {
    const bytes = blobs.get(digest)
    if (!bytes) throw new Error(`the archive has no ${digest}`)
    return bytes
  }
  const json = <T>(descriptor: Pick<Descriptor, 'digest'>) => JSON.parse(blob(descriptor).toString()) as T
  return {
    blobs,
    index: JSON.parse(files.get('index.json')!.toString()),
    json,
    async layers(manifest) {
      const { layers } = json<Manifest>(manifest)
      return Promise.all(layers.map(async layer => (await promisify(zstdDecompress)(blob(layer))) as Buffer))
    },
  }
}

/** What a container would find: the files of all layers. */
export async function entriesOf(layers: readonly Buffer[]): Promise<TarEntry[]> {
  const entries: TarEntry[] = []
  for (const layer of layers) for await (const entry of readTar(layer)) entries.push(entry)
  return entries
}
