import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { build } from 'esbuild'
import { version } from '../core/lib/version.ts'
import { otherBundles } from './bundles.ts'
import { noticesOf } from './notices.ts'
import { sha256 } from './oci/blob.ts'
import { file, tarOf } from './oci/layer.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string) => readFile(path.join(root, name), 'utf8')

/**
 * What krew installs as `kubectl pulltrace`, and its manifest: the command line as one file, for the Node of the
 * machine. The same sources give the same bytes. Returns where they are.
 */
export async function writeKrewPlugin(outdir: string) {
  const entryPoints = { pulltrace: 'cli/main.ts' }
  const options = { ...otherBundles(outdir), entryPoints, splitting: false, absWorkingDir: root }
  const { outputFiles, metafile } = await build({ ...options, write: false })
  const tar = await tarOf([
    file('kubectl-pulltrace', await read('config/krew/kubectl-pulltrace'), 0o755),
    file('pulltrace.mjs', outputFiles[0]!.contents),
    file('LICENSE', await read('LICENSE')),
    file('THIRD-PARTY-NOTICES', noticesOf([metafile], root)),
  ])
  const archive = (await promisify(gzip)(tar, { level: 9 })) as Buffer
  const template = await read('config/krew/pulltrace.yaml')
  const manifest = template
    .replace(/^#.*\n/, '')
    .replaceAll('VERSION', version)
    .replace('SHA256', sha256(archive).replace('sha256:', ''))
  const archiveFile = path.join(outdir, `kubectl-pulltrace-${version}.tar.gz`)
  const manifestFile = path.join(outdir, 'pulltrace.yaml')
  await mkdir(outdir, { recursive: true })
  await writeFile(archiveFile, archive)
  await writeFile(manifestFile, manifest)
  return { archiveFile, manifestFile, bytes: archive.length }
}

if (import.meta.main) {
  const { archiveFile, manifestFile, bytes } = await writeKrewPlugin('dist/krew')
  console.log(`${archiveFile} (${(bytes / 1e6).toFixed(1)} MB), ${manifestFile}`)
}
