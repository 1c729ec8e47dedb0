import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { type LogLevel, logLevels } from '../core/lib/log.ts'
import { Secret } from '../core/lib/secret.ts'
import {
  durationMs,
  type Env,
  type ListenAddress,
  list,
  listenAddress,
  loadSettings,
  oneOf,
  optionalText,
  socketPath,
  throwFaults,
  url,
} from '../core/lib/settings.ts'

export const program = 'pulltrace-agent'

export const agentSettings = {
  nodeName: optionalText('PULLTRACE_NODE_NAME', '', "name of the Node object; by default the machine's host name"),
  serverUrl: url('PULLTRACE_SERVER_URL', 'http://127.0.0.1:8080', 'where the reports go'),
  socket: socketPath('PULLTRACE_CONTAINERD_SOCKET', '/run/containerd/containerd.sock', "path of containerd's socket"),
  namespaces: list('PULLTRACE_CONTAINERD_NAMESPACES', 'k8s.io', "containerd namespaces, with commas; '*' means all"),
  reportIntervalMs: durationMs(100, 300_000, '100ms to 5m')(
    'PULLTRACE_REPORT_INTERVAL',
    '2s',
    'how often to look and report, until the server commands another interval',
  ),
  token: optionalText('PULLTRACE_AGENT_TOKEN', '', 'token that the server knows'),
  tokenFile: optionalText('PULLTRACE_AGENT_TOKEN_FILE', '', 'file with that token, read again before each report'),
  caFile: optionalText(
    'PULLTRACE_CA_FILE',
    '',
    "PEM file of who signed the server's certificate; read again on change",
  ),
  metricsAddr: listenAddress('PULLTRACE_AGENT_METRICS_ADDR', ':9091', 'address of /healthz, /readyz and /metrics'),
  logLevel: oneOf(logLevels)('PULLTRACE_LOG_LEVEL', 'info', 'least level that is logged'),
}

export interface AgentConfig {
  readonly nodeName: string
  readonly serverUrl: URL
  readonly socket: string
  /** Empty: all. */
  readonly namespaces: readonly string[]
  readonly reportIntervalMs: number
  readonly token: () => Secret | undefined
  readonly caFile: string | undefined
  readonly metricsAddr: ListenAddress
  readonly logLevel: LogLevel
}

export function loadAgentConfig(env: Env): AgentConfig {
  const { token, tokenFile, nodeName = hostname(), namespaces, ...rest } = loadSettings(program, agentSettings, env)
  const faults: string[] = []
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(nodeName) || nodeName.length > 253) {
    faults.push(`PULLTRACE_NODE_NAME must be the name of a Node, of at most 253 characters, got '${nodeName}'`)
  }
  // ',' would otherwise mean none, and none means all further on.
  if (namespaces.length === 0) {
    const seen = env[agentSettings.namespaces.name]
    faults.push(`PULLTRACE_CONTAINERD_NAMESPACES must name a containerd namespace, or be '*' for all, got '${seen}'`)
  }
  if (token !== undefined && tokenFile !== undefined) {
    faults.push('PULLTRACE_AGENT_TOKEN and PULLTRACE_AGENT_TOKEN_FILE must not both be set')
  }
  for (const [name, file] of [
    ['PULLTRACE_AGENT_TOKEN_FILE', tokenFile],
    ['PULLTRACE_CA_FILE', rest.caFile],
  ]) {
    if (file !== undefined && !existsSync(file)) faults.push(`${name} must be a file that exists, got '${file}'`)
  }
  throwFaults(program, faults)
  return {
    ...rest,
    nodeName,
    namespaces: namespaces.includes('*') ? [] : namespaces,
    token: () => {
      if (tokenFile !== undefined) return new Secret(readFileSync(tokenFile, 'utf8').trim())
      return token === undefined ? undefined : new Secret(token)
    },
  }
}
