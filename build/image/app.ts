import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleFolder, imageUser } from '../../core/contract/launch.ts'
import { agentBundle, browserBundles, otherBundles } from '../bundles.ts'
import { noticesOf } from '../notices.ts'
import { file, type LayerFile, symlink } from '../oci/layer.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The programs, a bundle each, with our licence and those of the packages in them. */
export async function appFiles(): Promise<LayerFile[]> {
  const folder = bundleFolder.slice(1)
  const outdir = await mkdtemp(path.join(tmpdir(), 'pulltrace-bundles-'))
  try {
    const options = { absWorkingDir: root }
    const agent = await build({ ...agentBundle(outdir), ...options })
    const others = await build({ ...otherBundles(outdir), ...options })
    await build({ ...browserBundles(outdir), ...options })
    const found = await readdir(outdir, { recursive: true, withFileTypes: true })
    const names = found
      .filter(entry => entry.isFile())
      .map(entry => path.relative(outdir, path.join(entry.parentPath, entry.name)))
    const bundles = names.map(async name => file(`${folder}/${name}`, await readFile(path.join(outdir, name))))
    return [
      ...(await Promise.all(bundles)),
      file(`${folder}/LICENSE`, await readFile(path.join(root, 'LICENSE'))),
      file(`${folder}/THIRD-PARTY-NOTICES`, noticesOf([agent.metafile, others.metafile], root)),
    ]
  } finally {
    await rm(outdir, { recursive: true })
  }
}

/** What programs expect of a machine. No shell, no package manager, nothing that a program could run. */
export const machineFiles = (): LayerFile[] => [
  // Debian's packages have one tree for both since its release 12.
  symlink('lib', 'usr/lib'),
  symlink('lib64', 'usr/lib64'),
  symlink('etc/os-release', '../usr/lib/os-release'),
  file('etc/passwd', `root:x:0:0:root:/:/nonexistent\nnonroot:x:${imageUser}:${imageUser}:nonroot:/:/nonexistent\n`),
  file('etc/group', `root:x:0:\nnonroot:x:${imageUser}:\n`),
  // /etc/hosts before DNS.
  file('etc/nsswitch.conf', 'hosts: files dns\n'),
  { type: 'directory', path: 'tmp', mode: 0o1777 },
  // A volume that a container engine makes here takes over the owner.
  { type: 'directory', path: 'var/lib/pulltrace', mode: 0o750, owner: imageUser },
]
