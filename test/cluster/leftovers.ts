import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { processRuns } from '../rig/child.ts'
import { cgroupsOf } from './cgroups.ts'
import type { Machine } from './machine.ts'

const run = promisify(execFile)

/** What to look for when a machine should be gone. */
export interface Trace {
  readonly dir: string
  readonly hostAddress: string
  /** Everything that ran in it: its programs, shims and containers. */
  readonly processes: readonly number[]
}

/** Of a machine that runs. */
export async function traceOf({ pid, dir, hostAddress }: Pick<Machine, 'pid' | 'dir' | 'hostAddress'>): Promise<Trace> {
  const network = readlinkSync(`/proc/${pid}/ns/net`)
  const mounts = readlinkSync(`/proc/${pid}/ns/mnt`)
  const root = readlinkSync(`/proc/${pid}/ns/pid`)
  const processes = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return { dir, hostAddress, processes: processes.filter(each => isIn(each, { net: network, mnt: mounts, pid: root })) }
}

/** Containers have namespaces of their own; all have one of the machine's, or were started by its processes. */
function isIn(pid: number, namespaces: Readonly<Record<string, string>>): boolean {
  try {
    if (Object.entries(namespaces).some(([name, id]) => readlinkSync(`/proc/${pid}/ns/${name}`) === id)) return true
    const [, parent] = /\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return parent !== undefined && parent !== '0' && isIn(Number(parent), namespaces)
  } catch {
    return false // It ended meanwhile, or belongs to the kernel.
  }
}

/** What is still there of it, in words; files apart. */
export async function tracesOf({ dir, hostAddress, processes }: Trace): Promise<string[]> {
  const addresses = Object.values(networkInterfaces()).flatMap(all => all?.map(({ address }) => address))
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return [
    ...processes.filter(processRuns).map(pid => `process ${pid}`),
    ...addresses.filter(address => address === hostAddress).map(address => `address ${address}`),
    ...mounts.filter(line => line.includes(`${dir}/`)).map(line => `mount ${line}`),
    ...cgroupsOf(path.basename(dir)).map(folder => `cgroup ${folder}`),
  ]
}

const settings = ['vm.overcommit_memory', 'vm.panic_on_oom', 'kernel.panic', 'kernel.panic_on_oops']
const network = ['net.ipv4.ip_forward', 'net.ipv4.conf.all.route_localnet']

/** What a cluster must leave as it is: settings of the kernel, packet filters, the fixed folders of Kubernetes. */
export async function unchanging(): Promise<object> {
  const value = (name: string) => readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim()
  const rules = await run('iptables-save', []).catch(() => ({ stdout: '' }))
  return {
    ...Object.fromEntries([...settings, ...network].map(name => [name, value(name)])),
    rules: rules.stdout.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, ''),
    folders: ['/run', '/var/lib', '/var/log'].flatMap(folder =>
      readdirSync(folder)
        .filter(name => /kube|cni|containers|pods|netns/.test(name))
        .map(name => path.join(folder, name)),
    ),
  }
}
