import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { version } from '../../core/lib/version.ts'
import { architecture } from '../rig/images.ts'
import { findProgram } from '../rig/programs.ts'
import { startCluster } from './cluster.ts'
import { startControlPlane } from './control-plane.ts'
import { type Kept, type KeptState, keptFolder, parseKept, stateFile } from './kept.ts'

/** The process that a kept cluster lives in. `up.ts` starts it; SIGTERM or SIGINT ends it, and the cluster with it. */
const what: Kept = parseKept(process.argv[2])
const folder = keptFolder(what)
const begunMs = performance.now()
const ended = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])

async function startKept(): Promise<{
  state: Omit<KeptState, 'kubeconfig' | 'seconds'>
  config: string
  stop(): Promise<void>
}> {
  if (what === 'control-plane') {
    const plane = await startControlPlane({ controllerManager: true, scheduler: true })
    return {
      state: { pid: process.pid, url: plane.url, nodes: [] },
      config: plane.kubeconfig(),
      stop: () => plane.stop(),
    }
  }
  const cluster = await startCluster({ nodes: parseCount(process.env['NODES'] || '1') })
  const archive = path.resolve(`dist/image/pulltrace-${version}-linux-${architecture}.tar`)
  if (existsSync(archive)) await cluster.importImage(archive)
  return {
    state: {
      pid: process.pid,
      url: cluster.plane.url,
      nodes: cluster.nodes.map(({ name, socket }) => ({ name, containerdSocket: socket })),
      registry: { push: cluster.registry.host, pull: cluster.registryHost },
      ...(existsSync(archive) && { imported: archive }),
    },
    config: cluster.plane.kubeconfig(),
    stop: () => cluster.stop(),
  }
}

function parseCount(text: string): number {
  if (/^[1-9]$/.test(text)) return Number(text)
  throw new Error(`NODES must be a number of nodes from 1 to 9, got '${text}'`)
}

const kept = await startKept()
const kubeconfig = path.join(folder, 'kubeconfig')
await copyFile(kept.config, kubeconfig)
await mkdir(path.join(folder, 'bin'))
await symlink(await findProgram('kube'), path.join(folder, 'bin/kubectl'))
await symlink(await findProgram('ctr-2.4'), path.join(folder, 'bin/ctr'))
const seconds = (performance.now() - begunMs) / 1000
// Renamed, so that whoever waits for it reads the whole.
await writeFile(`${stateFile(what)}.partial`, JSON.stringify({ ...kept.state, kubeconfig, seconds }, undefined, 2))
await rename(`${stateFile(what)}.partial`, stateFile(what))

await ended
await kept.stop()
await rm(folder, { recursive: true, force: true })
