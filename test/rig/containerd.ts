import { execFile } from 'node:child_process'
import { glob, mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Child, makeRigDir, removeRigDir, startChild, waitUntil } from './child.ts'
import { type ContainerdVersion, configOf, type Snapshotter, type Tuning } from './containerd-config.ts'
import { type Cri, openCri } from './cri.ts'
import type { Layer } from './layers.ts'
import { findProgram } from './programs.ts'

export const containerdVersions: readonly ContainerdVersion[] = ['1.6', '2.4']

const run = promisify(execFile)

export interface ContainerdOptions extends Tuning {
  readonly version: ContainerdVersion
  /** Registries and proxies (`host:port`) that are reached by plain HTTP. More can be added later. */
  readonly plainHttp?: readonly string[]
  readonly snapshotter?: Snapshotter
}

/** A containerd of its own: nothing it uses is shared with the machine's or with another one of ours. */
export interface Containerd {
  readonly version: ContainerdVersion
  readonly socket: string
  readonly dir: string
  readonly snapshotter: Snapshotter
  /** Folder with a hosts.toml for each registry, for `--hosts-dir`. */
  readonly hostsDir: string
  readonly cri: Cri
  /** Of the process that runs now; another one after a restart. */
  readonly pid: number
  readonly log: () => string
  /** This version's own `ctr` on this socket; resolves with what it printed. */
  ctr(args: readonly string[], options?: { namespace?: string; signal?: AbortSignal }): Promise<string>
  allowPlainHttp(host: string): Promise<void>
  /** Ends it at once and leaves its folder, as a crash does. */
  kill9(): Promise<void>
  /** Starts it again after kill9, or ends and starts it; the folder and the socket stay. */
  restart(): Promise<void>
  /** Ends it and removes every mount and file it left. */
  stop(): Promise<void>
}

export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const { version } = options
  const [file, ctrFile] = await Promise.all([findProgram(`containerd-${version}`), findProgram(`ctr-${version}`)])
  const dir = await makeRigDir(`c${version}`)
  const hostsDir = path.join(dir, 'hosts')
  const socket = path.join(dir, 'c.sock')
  const config = path.join(dir, 'config.toml')
  const snapshotter = options.snapshotter ?? (await workingSnapshotter(dir))
  for (const name of ['hosts', 'cni', 'tmp']) await mkdir(path.join(dir, name))
  await writeFile(config, configOf(version, { ...options, dir, socket, hostsDir, snapshotter }))
  const cri = openCri(socket)

  const start = async (): Promise<Child> => {
    // What containerd unpacks through goes to its temporary folder; ours, so that nothing is left elsewhere.
    const env = { ...process.env, TMPDIR: path.join(dir, 'tmp') }
    const child = await startChild(file, ['--config', config], path.join(dir, 'containerd.log'), env)
    await waitUntil(child, async () => ((await cri.answers()) ? true : undefined))
    return child
  }
  const allowPlainHttp = async (host: string) => {
    await mkdir(path.join(hostsDir, host), { recursive: true })
    // Without the empty table 1.6.20 refuses the file ("invalid `host` tree") and guesses the scheme.
    await writeFile(path.join(hostsDir, host, 'hosts.toml'), `server = "http://${host}"\n[host]\n`)
  }

  for (const host of options.plainHttp ?? []) await allowPlainHttp(host)
  let child = await start().catch(async error => {
    cri.close()
    await removeRigDir(dir)
    throw error
  })
  return {
    version,
    socket,
    dir,
    snapshotter,
    hostsDir,
    cri,
    allowPlainHttp,
    get pid() {
      return child.pid
    },
    log: () => child.log(),
    async ctr(args, { namespace = 'k8s.io', signal } = {}) {
      const all = ['--address', socket, '--namespace', namespace, ...args]
      const { stdout } = await run(ctrFile, all, { maxBuffer: 2 ** 26, ...(signal && { signal }) })
      return stdout
    },
    kill9: () => child.end('SIGKILL'),
    async restart() {
      await child.end('SIGTERM')
      child = await start()
    },
    async stop() {
      cri.close()
      await child.end('SIGTERM')
      await removeRigDir(dir)
    },
  }
}

/** When a file of a layer was written while it was unpacked, as the disk has it. Epoch ms. */
export async function unpackedAtMs(containerd: Containerd, { folder }: Layer, file: number): Promise<number> {
  const snapshots = path.join(containerd.dir, `root/io.containerd.snapshotter.v1.${containerd.snapshotter}/snapshots`)
  for await (const found of glob(`*/{,fs/}${folder}/${file}`, { cwd: snapshots })) {
    return (await stat(path.join(snapshots, found))).ctimeMs
  }
  throw new Error(`file ${file} of the layer was not unpacked`)
}

/** overlayfs where it can be mounted; on top of another overlay (a container's own root) only native works. */
async function workingSnapshotter(dir: string): Promise<Snapshotter> {
  const trial = path.join(dir, 'trial')
  const [lower, upper, work, merged] = ['l', 'u', 'w', 'm'].map(name => path.join(trial, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const folder of [lower, upper, work, merged]) await mkdir(folder, { recursive: true })
  try {
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
    await run('mount', ['-t', 'overlay', 'overlay', '-o', layers, merged])
    await run('umount', [merged])
    return 'overlayfs'
  } catch {
    return 'native'
  } finally {
    await removeRigDir(trial)
  }
}
