import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { version } from '../core/lib/version.ts'
import { buildImage, defaultRef } from './image/build-image.ts'
import { openLayerCache } from './image/cache.ts'
import { writeArchive } from './oci/archive.ts'
import type { Architecture } from './oci/image.ts'

/** Makes the image without a container engine: OCI archives in dist/image/, one for each processor and one for all. */
const ref = process.env['IMAGE'] || defaultRef
const folder = 'dist/image'
const architectures: readonly Architecture[] = ['amd64', 'arm64']

await mkdir(folder, { recursive: true })
const cache = openLayerCache()
const images = await Promise.all(architectures.map(architecture => buildImage(architecture, cache)))
for (const image of images) {
  const target = path.join(folder, `pulltrace-${version}-linux-${image.architecture}.tar`)
  await writeArchive(target, ref, [image])
  console.log(`${target}: ${(image.totalBytes / 1e6).toFixed(1)} MB compressed, ${image.manifest.digest}`)
}
const all = path.join(folder, `pulltrace-${version}.tar`)
await writeArchive(all, ref, images)
console.log(`${all}: all of them, as ${ref}`)
