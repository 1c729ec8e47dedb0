import path from 'node:path'
import type { Launch } from '../../core/contract/launch.ts'
import { type Child, startChild } from '../rig/child.ts'
import type { Containerd } from '../rig/containerd.ts'
import { findProgram } from '../rig/programs.ts'

export interface ContainerSpec {
  readonly name: string
  readonly image: string
  readonly launch: Launch
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** As `ctr run --mount` takes them. */
  readonly mounts?: readonly string[]
  /** Of user 65532, apart from its own. Not on containerd 1.6, whose ctr cannot. */
  readonly group?: number
}

/** The capabilities that ctr gives when it is not asked. */
const given =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'

/**
 * Starts a program of the image by runc, as our pods do: not as root, nothing writable, no capability, the seccomp
 * profile of the runtime. In the machine's network, so that a test can reach it.
 */
export async function startContainer(containerd: Containerd, spec: ContainerSpec): Promise<Child & AsyncDisposable> {
  const { name, image, launch, args = [], mounts = [], group } = spec
  const env = { ...launch.env, ...spec.env }
  const ctr = await findProgram(`ctr-${containerd.version}`)
  const runtime = containerd.version === '2.4' ? ['--runtime', await findProgram('shim-2.4')] : []
  const child = await startChild(
    ctr,
    [
      ...['--address', containerd.socket, '--namespace', 'k8s.io', 'run', '--rm', ...runtime],
      ...['--snapshotter', containerd.snapshotter, '--read-only', '--net-host', '--seccomp'],
      // The image itself says 65532:65532.
      ...(group === undefined ? [] : ['--user', `65532:${group}`]),
      ...given.split(' ').flatMap(capability => ['--cap-drop', `CAP_${capability}`]),
      ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...mounts.flatMap(mount => ['--mount', mount]),
      ...[image, name, ...launch.command, ...args],
    ],
    path.join(containerd.dir, `${name}.log`),
  )
  return {
    ...child,
    async [Symbol.asyncDispose]() {
      await child.end('SIGTERM')
      // Gone by --rm, unless ctr had to be killed.
      await containerd.ctr(['tasks', 'rm', '--force', name]).catch(() => {})
      await containerd.ctr(['containers', 'rm', name]).catch(() => {})
    },
  }
}
