import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Child, makeRigDir, removeRigDir, waitUntil } from '../rig/child.ts'
import { type Cri, openCri } from '../rig/cri.ts'
import { findProgram } from '../rig/programs.ts'
import { makeCgroup, removeCgroups, sweepCgroups } from './cgroups.ts'
import type { ControlPlane } from './control-plane.ts'
import { type Machine, startMachine } from './machine.ts'
import {
  clusterDnsAddress,
  cniConfig,
  containerdConfig,
  containerdSocket,
  kubeletConfig,
  type NodeParts,
  proxyConfig,
} from './node-config.ts'
import { savePauseImage } from './pause-image.ts'

/** A node with real programs: containerd 2.4, kubelet, kube-proxy, in a machine of its own. */
export interface ClusterNode {
  readonly name: string
  readonly machine: Machine
  readonly podRange: string
  /** containerd's socket, seen from outside: for the rig's oracles and for `ctr`. */
  readonly socket: string
  readonly cri: Cri
  /** Imports an OCI archive. The images keep the names that they have in it. */
  importImage(file: string): Promise<void>
  /** This containerd's own `ctr`, in containerd namespace `k8s.io` by default; resolves with what it printed. */
  ctr(args: readonly string[], options?: { namespace?: string }): Promise<string>
  allowPlainHttp(host: string): Promise<void>
  restartContainerd(): Promise<void>
  restartKubelet(): Promise<void>
  /** Starts kubelet and kube-proxy, and resolves when the node is Ready. Before it there is the machine and containerd. */
  join(plane: ControlPlane): Promise<void>
  logs(): string
  stop(): Promise<void>
}

/** `index` from 1: the node's name and its range of pod addresses follow from it. */
export async function startNode(index: number): Promise<ClusterNode> {
  const name = `node-${index}`
  const programs = [
    'containerd-2.4',
    'shim-2.4',
    'ctr-2.4',
    'runc',
    'bridge-cni',
    'iptables',
    'conntrack',
    'kube',
  ] as const
  const [containerdFile, shim, ctrFile, , , , , kube] = (await Promise.all(programs.map(findProgram))) as [
    string,
    string,
    string,
    ...string[],
  ] &
    Record<7, string>
  const dir = await makeRigDir(name)
  await using started = new AsyncDisposableStack()
  started.defer(() => removeRigDir(dir))
  for (const folder of ['hosts', 'cni', 'tmp', 'bin']) await mkdir(path.join(dir, folder))
  await symlink(shim, path.join(dir, 'bin/containerd-shim-runc-v2')) // containerd looks for it by this name, in PATH.
  const env = {
    ...process.env,
    PATH: `${dir}/bin:/usr/local/sbin:/usr/sbin:/sbin:${process.env['PATH']}`,
    TMPDIR: `${dir}/tmp`,
  }

  const cgroup = path.basename(dir)
  started.defer(() => removeCgroups(cgroup))
  await makeCgroup(cgroup)
  await sweepCgroups()
  const machine = await startMachine(name, dir)
  started.defer(() => machine.stop())
  const parts: NodeParts = {
    name,
    dir,
    cgroup,
    address: machine.address,
    podRange: `10.245.${index}.0/24`,
    kubeletPort: 10250,
  }
  await writeFile(path.join(dir, 'containerd.toml'), containerdConfig(parts))
  await writeFile(path.join(dir, 'cni/10-pods.conflist'), JSON.stringify(cniConfig(parts)))
  await writeFile(path.join(dir, 'resolv.conf'), `nameserver ${clusterDnsAddress}\n`)

  const socket = machine.outside(containerdSocket)
  const cri = openCri(socket)
  started.defer(() => cri.close())
  const startContainerd = async () => {
    const child = await machine.start('containerd', containerdFile, ['--config', `${dir}/containerd.toml`], env)
    await waitUntil(child, async () => ((await cri.answers()) ? true : undefined))
    return child
  }
  let containerd = await startContainerd()
  let kubelet: Child | undefined
  let proxy: Child | undefined
  const ctr: ClusterNode['ctr'] = (args, { namespace = 'k8s.io' } = {}) =>
    machine.exec(ctrFile, ['--address', containerdSocket, '--namespace', namespace, ...args])
  const importImage = async (file: string) => void (await ctr(['images', 'import', file]))
  const startKubelet = () => {
    const args = ['--kubeconfig', `${dir}/kubelet.kubeconfig`, '--config', `${dir}/kubelet.json`]
    const identity = ['--hostname-override', name, '--node-ip', machine.address, '--cert-dir', `${dir}/certs`]
    return machine.start('kubelet', kube, ['kubelet', ...args, ...identity], env)
  }
  await savePauseImage(path.join(dir, 'pause.tar'))
  await importImage(path.join(dir, 'pause.tar'))

  const running = started.move()
  return {
    name,
    machine,
    podRange: parts.podRange,
    socket,
    cri,
    importImage,
    ctr,
    async allowPlainHttp(host) {
      await mkdir(path.join(dir, 'hosts', host), { recursive: true })
      await writeFile(path.join(dir, 'hosts', host, 'hosts.toml'), `server = "http://${host}"\n`)
    },
    async restartContainerd() {
      await containerd.end('SIGTERM')
      containerd = await startContainerd()
    },
    async restartKubelet() {
      await kubelet?.end('SIGTERM')
      kubelet = await startKubelet()
    },
    async join(plane) {
      await copyFile(plane.kubeconfig(`system:node:${name}`), `${dir}/kubelet.kubeconfig`)
      await copyFile(plane.kubeconfig('system:kube-proxy'), `${dir}/proxy.kubeconfig`)
      await writeFile(`${dir}/kubelet.json`, JSON.stringify(kubeletConfig(parts)))
      await writeFile(`${dir}/proxy.json`, JSON.stringify(proxyConfig(parts)))
      kubelet = await startKubelet()
      proxy = await machine.start('kube-proxy', kube, ['kube-proxy', '--config', `${dir}/proxy.json`], env)
      const condition = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}'
      await waitUntil(
        kubelet,
        async () => ((await plane.kubectl(['get', 'node', name, condition])).stdout === 'True' ? true : undefined),
        60_000,
      )
    },
    logs: () => [containerd, kubelet, proxy].map(child => child?.log() ?? '').join('\n'),
    stop: () => running.disposeAsync(),
  }
}
