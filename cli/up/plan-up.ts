import { demoNodePrefix } from '../../core/contract/demo.ts'
import type { PulltraceConfig } from '../../core/contract/pulltrace-config.ts'
import { clusterOnlyFields, settingsOf } from '../../core/contract/settings.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { type Env, isLoopback, listenAddress, socketPath } from '../../core/lib/settings.ts'
import { type UnknownSetting, unknownSettings } from '../../core/lib/unknown-settings.ts'
import { planRules, type RulesPlan } from './plan-rules.ts'

/** What is known of the machine's own containerd. */
export interface ContainerdFound {
  readonly socket: string
  /** Why it cannot be used; undefined when it can. */
  readonly trouble: string | undefined
}

export interface UpPlan {
  readonly server: Env
  /** Without the address of the server, which is known only when it listens. */
  readonly agent: Env
  /** Environment of the demo runtime; undefined when the machine's containerd is watched. */
  readonly demo: Env | undefined
  /** Undefined when nothing of rules runs here. */
  readonly rules: RulesPlan | undefined
  readonly nodeName: string
  /** Least level of a program's log lines that is shown. */
  readonly logLevel: string
  /** Fields of the file that mean nothing here. */
  readonly ignored: readonly string[]
  /** Variables that nothing reads. No program is given them: each would warn of them. */
  readonly unknown: readonly UnknownSetting[]
}

/** Where everything is kept. */
const dataDir = './data'

/** The socket to look for: the environment's, else the file's. */
export function containerdSocketOf(config: PulltraceConfig, env: Env): string {
  const name = 'PULLTRACE_CONTAINERD_SOCKET'
  return socketPath(name, undefined, '').parse(env[name] || settingsOf(config.spec ?? {}, 'none').agent[name]!)
}

/**
 * The environment of each program. Strongest first: what the environment of `up` says, what the
 * file says, what fits one machine: loopback addresses, a data folder here, every containerd namespace.
 * Throws Code.Invalid when the environment names a socket of containerd that cannot be used.
 */
export function planUp(
  config: PulltraceConfig,
  asked: Env,
  containerd: ContainerdFound,
  hostname: string,
  demoSocket: string,
): UpPlan {
  const unknown = unknownSettings(asked)
  const env = without(asked, unknown)
  checkContainerd(env, containerd)
  const spec = config.spec ?? {}
  const local = isLocal(env['PULLTRACE_HTTP_ADDR'])
  const fromFile = settingsOf(spec, local ? 'none' : 'token')
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name.startsWith('PULLTRACE_') && value),
  )
  const isDemo = containerd.trouble !== undefined
  const ownName = env['PULLTRACE_NODE_NAME'] || nodeNameOf(hostname)
  const nodeName = isDemo ? `${demoNodePrefix}${ownName}` : ownName
  // `up` reads in their lines where its programs listen, so those at `info` must be written in any case.
  const logLevel = env['PULLTRACE_LOG_LEVEL'] || 'info'
  const told = { PULLTRACE_LOG_LEVEL: logLevel === 'warn' || logLevel === 'error' ? 'info' : logLevel }
  const agent = {
    ...env,
    PULLTRACE_AGENT_METRICS_ADDR: '127.0.0.1:9091',
    PULLTRACE_CONTAINERD_NAMESPACES: '*',
    ...fromFile.agent,
    ...given,
    PULLTRACE_NODE_NAME: nodeName,
    PULLTRACE_CONTAINERD_SOCKET: isDemo ? demoSocket : containerd.socket,
    // The demo has namespaces of its own.
    ...(isDemo && { PULLTRACE_CONTAINERD_NAMESPACES: '*' }),
    ...told,
  }
  const rules = planRules(spec, env, given['PULLTRACE_DATA_DIR'] ?? dataDir)
  const demoNotice = isDemo ? { TK_NOTICE: 'DEMO DATA: a demo runtime makes up the pulls that rules see here.' } : {}
  const server = {
    ...env,
    PULLTRACE_HTTP_ADDR: '127.0.0.1:8080',
    PULLTRACE_METRICS_ADDR: '127.0.0.1:9090',
    PULLTRACE_DATA_DIR: dataDir,
    ...fromFile.server,
    ...given,
    ...told,
    // It is the sensor of the tk-sensor-api beside it, by a key of its own.
    ...(rules && { TK_API_KEY: undefined, TK_API_KEY_FILE: undefined }),
  }
  return {
    server,
    agent,
    rules: rules && { ...rules, webUi: { ...demoNotice, ...rules.webUi } },
    demo: isDemo ? { ...env, ...told, PULLTRACE_DEMO_SOCKET: demoSocket } : undefined,
    nodeName,
    logLevel,
    ignored: clusterOnlyFields(spec),
    unknown,
  }
}

function without(env: Env, unknown: readonly UnknownSetting[]): Env {
  const names = new Set(unknown.map(({ name }) => name))
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)))
}

/** Who names a socket wants what is behind it, not made-up pulls. The file's is the same for every machine. */
function checkContainerd(env: Env, { socket, trouble }: ContainerdFound): void {
  const name = 'PULLTRACE_CONTAINERD_SOCKET'
  if (!env[name] || trouble === undefined) return
  throw new PulltraceError(
    Code.Invalid,
    `${name} must be a socket that containerd listens on: ${trouble}, got '${socket}'`,
    {
      fix: `start containerd, or leave ${name} unset to be shown demo data where there is none`,
    },
  )
}

/** An address that cannot be read is the server's to refuse. */
function isLocal(address: string | undefined): boolean {
  if (!address) return true
  try {
    return isLoopback(listenAddress('PULLTRACE_HTTP_ADDR', undefined, '').parse(address))
  } catch {
    return true
  }
}

/** A host name as a node's name may be written. */
function nodeNameOf(hostname: string): string {
  return (
    hostname
      .replace(/[^A-Za-z0-9.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
      .slice(0, 200) || 'localhost'
  )
}
