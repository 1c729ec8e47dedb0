import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Child, startChild, waitUntil } from '../rig/child.ts'
import { findProgram } from '../rig/programs.ts'

const run = promisify(execFile)

/**
 * What a node is to its programs: processes, mounts and network of their own. When its first process ends, also by this
 * process's death, the kernel ends all others and takes back every mount, interface, iptables rule and route.
 */
export interface Machine {
  readonly name: string
  /** Where its own files are; the same path inside and outside. */
  readonly dir: string
  /** Its first process, as seen from outside. */
  readonly pid: number
  /** Of the machine, on the link to this host. */
  readonly address: string
  /** Of this host, on the same link: what listens here is reached by the machine. */
  readonly hostAddress: string
  /** Where a file of the machine is, seen from outside. Sockets too. */
  outside(file: string): string
  /** A program in the machine; `pid` is the one outside. */
  start(name: string, file: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Child>
  /** A command in the machine; resolves with what it printed. */
  exec(file: string, args: readonly string[]): Promise<string>
  stop(): Promise<void>
}

/** Global settings that the kubelet would change: it finds the values that it wants, and leaves the real ones alone. */
const settings: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
}

/** Every path that a node's programs have fixed is the machine's own. The last line is what says that it is set up. */
const setUp = `set -e
mount -t proc proc /proc
cd "$1"
for setting in ${Object.keys(settings).join(' ')}; do mount --bind "sysctl/$setting" "/proc/sys/$setting"; done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
mount --bind var-lib /var/lib
mount --bind var-log /var/log
ip link set lo up
for bridged in /proc/sys/net/bridge/bridge-nf-call-iptables; do test ! -e $bridged || echo 1 > $bridged; done
echo 1 > /proc/sys/net/ipv4/ip_forward
touch /run/pulltrace-machine
exec "$2"
`

export async function startMachine(name: string, dir: string): Promise<Machine> {
  const pause = await findProgram('pause')
  for (const folder of ['var-lib', 'var-log']) await mkdir(path.join(dir, folder), { recursive: true })
  for (const [setting, value] of Object.entries(settings)) {
    const file = path.join(dir, 'sysctl', setting)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, `${value}\n`)
  }
  const namespaces = ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child=KILL', '--propagation=private']
  const log = (program: string) => path.join(dir, `${program}.log`)
  const outer = await startChild('unshare', [...namespaces, 'sh', '-c', setUp, 'sh', dir, pause], log('machine'))
  const pid = await waitUntil(outer, async () => {
    const first = childOf(outer.pid)
    return first !== undefined && existsSync(`/proc/${first}/root/run/pulltrace-machine`) ? first : undefined
  })
  const inside = ['--target', String(pid), '--net', '--mount', '--pid', '--uts', '--']
  const exec = async (file: string, args: readonly string[]) => {
    const { stdout } = await run('nsenter', [...inside, file, ...args], { maxBuffer: 2 ** 26 })
    return stdout
  }
  try {
    const [hostAddress, address] = await link(pid, exec)
    return {
      name,
      dir,
      pid,
      address,
      hostAddress,
      outside: file => `/proc/${pid}/root${file}`,
      exec,
      start: (program, file, args, env) => startInside(['nsenter', ...inside, file, ...args], log(program), env),
      stop: () => outer.end('SIGKILL'),
    }
  } catch (error) {
    await outer.end('SIGKILL')
    throw error
  }
}

type Exec = Machine['exec']

/** One cable to this host, with two addresses of the range for benchmarks (RFC 2544), which no real network has. */
async function link(pid: number, exec: Exec): Promise<[host: string, machine: string]> {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap(all =>
      all?.map(({ address }) => address.split('.').slice(0, 3).join('.')),
    ),
  )
  const free = Array.from({ length: 256 }, (_, i) => `198.18.${(pid + i) % 256}`).find(prefix => !taken.has(prefix))
  if (free === undefined) throw new Error('all of 198.18.0.0/16 is taken; end other test clusters')
  const [host, machine, cable] = [`${free}.1`, `${free}.2`, `pt${pid}`]
  await run('ip', ['link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)])
  await run('ip', ['address', 'add', `${host}/30`, 'dev', cable])
  await run('ip', ['link', 'set', cable, 'up'])
  await exec('ip', ['address', 'add', `${machine}/30`, 'dev', 'eth0'])
  await exec('ip', ['link', 'set', 'eth0', 'up'])
  await exec('ip', ['route', 'add', 'default', 'via', host])
  return [host, machine]
}

/** nsenter has to fork to enter a process namespace: signals go to its child, the program itself. */
async function startInside(command: readonly string[], logFile: string, env?: NodeJS.ProcessEnv): Promise<Child> {
  const outer = await startChild(command[0]!, command.slice(1), logFile, env)
  const pid = await waitUntil(outer, async () => childOf(outer.pid))
  return {
    ...outer,
    pid,
    async end(signal, limitMs = 10_000) {
      const kill = (each: NodeJS.Signals) => {
        try {
          process.kill(pid, each)
        } catch {} // It is gone, and nsenter goes with it.
      }
      kill(signal)
      const killer = setTimeout(() => kill('SIGKILL'), limitMs)
      await outer.exited
      clearTimeout(killer)
    },
  }
}

function childOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    return first ? Number(first) : undefined
  } catch {
    return undefined // It is gone.
  }
}
