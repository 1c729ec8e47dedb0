import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { access, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { buildGoProgram, type GoSource } from './go-programs.ts'
import { installPythonPackages, type PythonSource } from './python-packages.ts'

const run = promisify(execFile)

/** Newest containerd line that the tests know; the other end is Debian 12's own 1.6. */
const containerdModule = 'github.com/containerd/containerd/v2'
const containerdVersion = 'v2.4.2'

/** Kubernetes of the tests' control planes and nodes; test/cluster/kube/go.mod names the same. */
export const kubernetesVersion = 'v1.35.4'

interface DebianSource {
  readonly debian: string
  readonly file: string
  /** What its `--version` must contain. */
  readonly says?: string
}
type Source = DebianSource | GoSource | PythonSource

const sources = {
  'containerd-1.6': { debian: 'containerd', file: 'containerd', says: ' 1.6.' },
  'ctr-1.6': { debian: 'containerd', file: 'ctr', says: ' 1.6.' },
  'containerd-2.4': { go: `${containerdModule}/cmd/containerd`, version: containerdVersion, file: 'containerd' },
  'shim-2.4': {
    go: `${containerdModule}/cmd/containerd-shim-runc-v2`,
    version: containerdVersion,
    file: 'containerd-shim-runc-v2',
  },
  'ctr-2.4': { go: `${containerdModule}/cmd/ctr`, version: containerdVersion, file: 'ctr' },
  'docker-registry': { debian: 'docker-registry', file: 'docker-registry' },
  kustomize: { go: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.7.1', file: 'kustomize' },
  grpcurl: { go: 'github.com/fullstorydev/grpcurl/cmd/grpcurl', version: 'v1.9.4', file: 'grpcurl' },
  'python-grpc': { python: ['grpcio==1.85.1', 'grpcio-tools==1.85.1'], file: 'python-grpc' },
  nginx: { debian: 'nginx', file: 'nginx' },
  chromium: { debian: 'chromium', file: 'chromium' },
  runc: { debian: 'runc', file: 'runc' },
  strace: { debian: 'strace', file: 'strace' },
  openssl: { debian: 'openssl', file: 'openssl' },
  kube: {
    goModule: 'test/cluster/kube',
    version: kubernetesVersion,
    file: 'kube',
    takes: 'seven to ten minutes',
    variables: [
      `k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
      `k8s.io/client-go/pkg/version.gitVersion=${kubernetesVersion}`,
    ],
  },
  coredns: { goModule: 'test/cluster/coredns', version: 'v1.14.7', file: 'coredns', takes: 'two or three minutes' },
  pause: { goModule: 'test/cluster/pause', version: 'v1', file: 'pause', takes: 'a few seconds' },
  'bridge-cni': { debian: 'containernetworking-plugins', file: '/usr/lib/cni/bridge' },
  iptables: { debian: 'iptables', file: 'iptables' },
  conntrack: { debian: 'conntrack', file: 'conntrack' },
} satisfies Record<string, Source>

export type ProgramName = keyof typeof sources
export const programNames = Object.keys(sources) as ProgramName[]

const found = new Map<ProgramName, Promise<string>>()

export interface Machine {
  readonly env: NodeJS.ProcessEnv
  /** Where programs may be besides PATH, which often lacks the folders of root and of Go. */
  readonly folders: readonly string[]
}

const thisMachine: Machine = {
  env: process.env,
  folders: ['/usr/local/go/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'],
}

/** As installProgram, once for each program and process. */
export function findProgram(name: ProgramName): Promise<string> {
  let program = found.get(name)
  if (!program) {
    program = installProgram(name, thisMachine)
    found.set(name, program)
    program.catch(() => found.delete(name))
  }
  return program
}

/**
 * The path of a real program, installed first when it is missing: Debian packages by apt-get (as root), Go programs
 * built once into the user's cache folder, Python packages in a folder there. Fails with the command that installs it.
 */
export async function installProgram(name: ProgramName, machine: Machine): Promise<string> {
  const source: Source = sources[name]
  if ('debian' in source) return fromDebian(name, source, machine)
  if ('python' in source) {
    return installPythonPackages(source, { env: machine.env, python: await inPath('python3', machine) })
  }
  return buildGoProgram(source, { env: machine.env, go: await inPath('go', machine) })
}

async function fromDebian(name: ProgramName, source: DebianSource, machine: Machine): Promise<string> {
  const there = await inPath(source.file, machine)
  if (there) return checked(name, there, source)

  const command = `apt-get install -y --no-install-recommends ${source.debian}`
  const missing = (why: string) => new Error(`${source.file} is missing and ${why}; install it as root: ${command}`)
  if (!(await inPath('apt-get', machine))) throw missing('this machine has no apt-get')
  if (process.getuid?.() !== 0) throw missing('only root can install it')

  say(`installing ${source.debian}: ${command}`)
  const env = { ...machine.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Another test run may hold dpkg's lock for as long as it installs the same packages.
  const install = () => run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...command.split(' ').slice(1)], { env })
  try {
    await using _quiet = await withoutServices()
    await install().catch(async () => {
      say('apt-get update, then once more (the package was not known, or has moved)')
      await run('apt-get', ['update'], { env })
      await install()
    })
  } catch (error) {
    throw missing(`apt-get failed: ${String((error as { stderr?: string }).stderr ?? error).trim()}`)
  }
  const installed = await inPath(source.file, machine)
  if (!installed) throw missing('its package did not bring it')
  return checked(name, installed, source)
}

/** While it is held, Debian's packages start no service: the tests start their own (invoke-rc.d(8), policy-rc.d). */
async function withoutServices(): Promise<AsyncDisposable> {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return { [Symbol.asyncDispose]: async () => {} }
  await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return { [Symbol.asyncDispose]: () => rm(policy, { force: true }) }
}

/** Another vendor's package may own the file's name, in another version. */
async function checked(name: ProgramName, file: string, { says }: DebianSource): Promise<string> {
  if (says === undefined) return file
  const { stdout } = await run(file, ['--version'])
  if (!stdout.includes(says)) {
    throw new Error(`${name} must be version${says}x, but ${file} says '${stdout.trim()}'; run on Debian 12`)
  }
  return file
}

async function inPath(file: string, { env, folders }: Machine): Promise<string | undefined> {
  if (path.isAbsolute(file)) return existsSync(file) ? file : undefined
  for (const folder of [...(env['PATH'] ?? '').split(':').filter(Boolean), ...folders]) {
    const candidate = path.join(folder, file)
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return candidate
  }
  return undefined
}

function say(text: string): void {
  process.stderr.write(`rig: ${text}\n`)
}
