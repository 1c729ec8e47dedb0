import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { sha256 } from '../oci/blob.ts'
import type { LayerCache } from '../oci/layer.ts'

/** Where downloads and compressed layers are kept between builds; all of it can be removed at any time. */
export const cacheFolder = (): string =>
  path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'pulltrace', 'image')

export function openLayerCache(folder = path.join(cacheFolder(), 'layers')): LayerCache {
  const fileOf = (diffId: string) => path.join(folder, `${diffId.replace(':', '-')}.zst`)
  return {
    async get(diffId) {
      const compressed = await readFile(fileOf(diffId)).catch(() => undefined)
      // What a full disk cut or somebody edited is made again.
      const plain = compressed && (await promisify(zstdDecompress)(compressed).catch(() => undefined))
      return plain && sha256(plain as Buffer) === diffId ? compressed : undefined
    },
    async put(diffId, compressed) {
      await mkdir(folder, { recursive: true })
      const partial = `${fileOf(diffId)}.${process.pid}`
      await writeFile(partial, compressed)
      await rename(partial, fileOf(diffId))
    },
  }
}
