import path from 'node:path'
import { imageUser, launch, nodeFile } from '../../core/contract/launch.ts'
import { version } from '../../core/lib/version.ts'
import { type Architecture, type Image, imageOf } from '../oci/image.ts'
import { type LayerCache, type LayerFile, layerOf } from '../oci/layer.ts'
import { appFiles, machineFiles } from './app.ts'
import { debianFiles } from './debian.ts'
import { neededBy } from './elf.ts'
import { nodeFiles } from './node.ts'

/** What a registry would know it by. */
export const defaultRef = `ghcr.io/pulltrace/pulltrace:${version}`

/**
 * The one image: a layer that changes with Debian, one that changes with Node and one that changes with Pulltrace, so
 * that a new version of ours costs a node about a megabyte. From the same packages and sources come the same bytes.
 */
export async function buildImage(architecture: Architecture, cache: LayerCache | undefined): Promise<Image> {
  const [debian, node, app] = await Promise.all([debianFiles(architecture), nodeFiles(architecture), appFiles()])
  requireLibraries([...debian, ...node])
  const layers = await Promise.all([
    layerOf('Debian: libraries, certificates, users', [...debian, ...machineFiles()]),
    // The only one that takes seconds to compress, and hardly ever changes.
    layerOf('Node.js', node, cache),
    layerOf('Pulltrace', app),
  ])
  return imageOf(architecture, layers, {
    User: `${imageUser}:${imageUser}`,
    Env: ['PATH=/usr/local/bin', 'NODE_ENV=production'],
    Entrypoint: [nodeFile],
    Cmd: [launch.cli.command.at(-1)!, '--help'],
    WorkingDir: '/',
    Labels: {
      'org.opencontainers.image.title': 'Pulltrace',
      'org.opencontainers.image.description': 'Live view of every container-image pull on every Kubernetes node',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
  })
}

/** A library that is missing would be found by the first container only, and for a foreign processor by nobody here. */
function requireLibraries(files: readonly LayerFile[]): void {
  const there = new Set(files.map(({ path: name }) => path.basename(name)))
  const programs = files.filter(each => each.type === 'file' && /bin\/|\.so[.\d]*$/.test(each.path))
  for (const program of programs) {
    const missing = neededBy(Buffer.from((program as { bytes: Uint8Array }).bytes)).filter(name => !there.has(name))
    if (missing.length > 0) throw new Error(`/${program.path} needs ${missing.join(', ')}, which the image lacks`)
  }
}
