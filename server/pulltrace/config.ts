import { existsSync } from 'node:fs'
import { logLevels } from '../../core/lib/log.ts'
import { Secret } from '../../core/lib/secret.ts'
import {
  durationMs,
  type Env,
  integer,
  isLoopback,
  list,
  listenAddress,
  type loadSettings,
  namespacedName,
  oneOf,
  optionalText,
  readSettings,
  type Setting,
  text,
  throwFaults,
  url,
} from '../../core/lib/settings.ts'
import { tagFault } from '../../core/rules/scope.ts'

export const program = 'pulltrace-server'

const optional =
  <T>(make: (name: string, fallback: string | undefined, doc: string) => Setting<T>) =>
  (name: string, fallback: string, doc: string): Setting<T | undefined> => {
    const setting = make(name, fallback, doc)
    return { ...setting, parse: value => (value === '' ? undefined : setting.parse(value)) }
  }

const interval = durationMs(100, 300_000, '100ms to 5m')
const mebibytes = integer(1, 1024 * 1024)

function flag(name: string, fallback: string, doc: string): Setting<boolean> {
  const setting = oneOf(['true', 'false'])(name, fallback, doc)
  return { ...setting, parse: value => setting.parse(value) === 'true' }
}

/** Every setting of pulltrace-server. docs/configuration.md is made from this table. */
export const settings = {
  httpAddr: listenAddress('PULLTRACE_HTTP_ADDR', ':8080', 'Where the API, the stream and the pages listen.'),
  metricsAddr: listenAddress('PULLTRACE_METRICS_ADDR', ':9090', 'Where /healthz, /readyz and /metrics listen.'),
  logLevel: oneOf(logLevels)('PULLTRACE_LOG_LEVEL', 'info', 'The least important messages that are logged.'),
  dataDir: text('PULLTRACE_DATA_DIR', './data', 'Folder of the history; made when it is not there.'),
  historyTtlMs: durationMs(60_000, 87_600 * 3_600_000, '1m to 87600h')(
    'PULLTRACE_HISTORY_TTL',
    '168h',
    'How long ended pulls are kept.',
  ),
  historyMaxMiB: mebibytes(
    'PULLTRACE_HISTORY_MAX_MIB',
    '1048576',
    'Most that the history may take on disk, in MiB; never more than 70 % of the volume.',
  ),
  reportIntervalMs: interval('PULLTRACE_REPORT_INTERVAL', '2s', 'How often agents report; the answers command it.'),
  idleReportIntervalMs: optional(interval)(
    'PULLTRACE_IDLE_REPORT_INTERVAL',
    '',
    'How often agents report while nothing pulls on their node; not below the report interval. Empty: as that.',
  ),
  agentToken: optionalText('PULLTRACE_AGENT_TOKEN', '', 'Token that agents must send. Better from a file.'),
  agentTokenFile: optionalText('PULLTRACE_AGENT_TOKEN_FILE', '', 'File with that token; read again when it changes.'),
  agentAuth: oneOf(['token', 'kubernetes'])(
    'PULLTRACE_AGENT_AUTH',
    'token',
    "How agents prove who they are: a 'token' that all share, or 'kubernetes': a token bound to their node, which the API server reviews.",
  ),
  agentServiceAccount: namespacedName(
    'PULLTRACE_AGENT_SERVICE_ACCOUNT',
    'pulltrace-agents/pulltrace-agent',
    "ServiceAccount that may report when PULLTRACE_AGENT_AUTH is 'kubernetes'.",
  ),
  readerAuth: oneOf(['token', 'none', 'kubernetes'])(
    'PULLTRACE_READER_AUTH',
    'token',
    "How readers prove who they are: a 'token', or 'kubernetes': a token of the cluster whose user may get pulltraceconfigs. 'none' lets everyone read who reaches the address.",
  ),
  readerToken: optionalText('PULLTRACE_READER_TOKEN', '', 'Token that readers must send. Better from a file.'),
  readerTokenFile: optionalText('PULLTRACE_READER_TOKEN_FILE', '', 'File with that token; read again when it changes.'),
  corsOrigins: list(
    'PULLTRACE_CORS_ORIGINS',
    '',
    "Origins whose pages may read the API, such as 'https://dash.example.com', separated by commas; '*' for all.",
  ),
  publicUrl: optional(url)('PULLTRACE_PUBLIC_URL', '', 'Address that people use, for links. Empty: as they asked.'),
  rulesUrl: optional(url)(
    'TK_PUBLIC_URL',
    '',
    'Address of tk-web-ui that people use: the pages link to it. Empty: no link.',
  ),
  tlsCertFile: optionalText(
    'PULLTRACE_TLS_CERT_FILE',
    '',
    'Certificate chain (PEM) for both listeners; reloaded on change.',
  ),
  tlsKeyFile: optionalText('PULLTRACE_TLS_KEY_FILE', '', 'Key (PEM) of that certificate.'),
  maxConnections: integer(1, 1_000_000)('PULLTRACE_MAX_CONNECTIONS', '20000', 'Most open connections to the API.'),
  maxStreams: integer(1, 1_000_000)('PULLTRACE_MAX_STREAMS', '12000', 'Most clients of the stream at once.'),
  maxNodes: integer(1, 1_000_000)('PULLTRACE_MAX_NODES', '20000', 'Most nodes that are remembered.'),
  maxLivePulls: integer(1, 100_000_000)('PULLTRACE_MAX_LIVE_PULLS', '200000', 'Most pulls that have not ended.'),
  maxLiveLayers: integer(1, 1_000_000_000)('PULLTRACE_MAX_LIVE_LAYERS', '2000000', 'Most layers of these pulls.'),
  maxReportsMiB: mebibytes('PULLTRACE_MAX_REPORTS_MIB', '256', 'Most that reports in flight may hold, in MiB.'),
  shutdownGraceMs: durationMs(0, 600_000, '0 to 10m')(
    'PULLTRACE_SHUTDOWN_GRACE',
    '10s',
    'How long a stopping server waits for answers that are being written.',
  ),
  drainMs: durationMs(0, 600_000, '0 to 10m')(
    'PULLTRACE_DRAIN_DELAY',
    '0s',
    'How long a stopping server says that it is not ready before it stops to take connections.',
  ),
  settingsConfigMap: optional(namespacedName)(
    'PULLTRACE_SETTINGS_CONFIGMAP',
    '',
    'ConfigMap (namespace/name) whose reportInterval and idleReportInterval are in force at once, without a restart. Empty: the two settings above.',
  ),
  watchPods: flag(
    'PULLTRACE_WATCH_PODS',
    'false',
    'Whether pods and their events are watched, in Kubernetes: who waits for which image, what is queued, why it failed.',
  ),
  watchNamespaces: list(
    'PULLTRACE_WATCH_NAMESPACES',
    '',
    'Namespaces whose pods are watched and shown, separated by commas. Empty: all.',
  ),
  maxQueuedPulls: integer(1, 1_000_000)(
    'PULLTRACE_MAX_QUEUED_PULLS',
    '20000',
    'Most pulls that only a kubelet has told of.',
  ),
  kubeconfigFile: optionalText(
    'PULLTRACE_KUBECONFIG',
    '',
    'Kubeconfig file for the API server of Kubernetes, where one is needed. Empty: as a pod of the cluster.',
  ),
  tkApiUrl: optional(url)(
    'TK_API_URL',
    '',
    "Address of tk-sensor-api, such as 'http://127.0.0.1:50051', by whose rules pulls are judged. Empty: by none.",
  ),
  tkApiKey: optionalText('TK_API_KEY', '', 'Key for tk-sensor-api. Better from a file.'),
  tkApiKeyFile: optionalText('TK_API_KEY_FILE', '', 'File with that key; read at start.'),
  tkCaFile: optionalText('TK_CA_FILE', '', "Certificates (PEM) of the issuer of tk-sensor-api's. Empty: the system's."),
  tkTags: list('TK_TAGS', 'pulls', 'Tags of this server, separated by commas: which rules apply to its pulls.'),
  tkSyncIntervalMs: durationMs(5000, 86_400_000, '5s to 24h')(
    'TK_SYNC_INTERVAL',
    '30s',
    'How often rules are fetched, give or take a tenth.',
  ),
  databaseUrl: optionalText(
    'PULLTRACE_DATABASE_URL',
    '',
    'Not available yet: the history is a file in the data folder.',
  ),
}

type Settings = ReturnType<typeof loadSettings<typeof settings>>

/** A secret that stands in the environment, or the file that holds it. */
export type TokenSetting = { readonly file: string } | { readonly token: Secret }

export interface ServerConfig
  extends Omit<
    Settings,
    | 'agentToken'
    | 'agentTokenFile'
    | 'readerToken'
    | 'readerTokenFile'
    | 'idleReportIntervalMs'
    | 'tkApiUrl'
    | 'tkApiKey'
    | 'tkApiKeyFile'
    | 'tkCaFile'
    | 'tkTags'
    | 'tkSyncIntervalMs'
  > {
  readonly idleReportIntervalMs: number
  /** Undefined: the API server knows the agents; or reports are taken without a token, only ever on loopback. */
  readonly agents: TokenSetting | undefined
  /** Undefined where `readerAuth` is not `token`. */
  readonly readers: TokenSetting | undefined
  /** Undefined: pulls are judged by no rules. */
  readonly rules: RulesConfig | undefined
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
}

export interface RulesConfig {
  readonly apiUrl: URL
  readonly key: TokenSetting
  readonly caFile: string | undefined
  readonly tags: readonly string[]
  readonly syncIntervalMs: number
}

/** Reads and checks everything before anything starts; throws once, naming every fault. */
export function loadServerConfig(env: Env): ServerConfig {
  // A setting that could not be read is absent here, and no relation is judged by it.
  const { values, faults } = readSettings(settings, env)
  const agents = tokenOf('PULLTRACE_AGENT_TOKEN', values.agentToken, values.agentTokenFile, faults)
  const readers = tokenOf('PULLTRACE_READER_TOKEN', values.readerToken, values.readerTokenFile, faults)

  if (values.idleReportIntervalMs! < values.reportIntervalMs!) {
    faults.push('PULLTRACE_IDLE_REPORT_INTERVAL must be greater than or equal to PULLTRACE_REPORT_INTERVAL')
  }

  if (values.agentAuth === 'kubernetes' && agents !== undefined) {
    faults.push(
      "PULLTRACE_AGENT_TOKEN and PULLTRACE_AGENT_TOKEN_FILE must not be set when PULLTRACE_AGENT_AUTH is 'kubernetes': no shared token is taken then",
    )
  }
  if (
    values.agentAuth === 'token' &&
    agents === undefined &&
    values.httpAddr !== undefined &&
    !isLoopback(values.httpAddr)
  ) {
    faults.push(
      "PULLTRACE_AGENT_TOKEN_FILE must be set when PULLTRACE_HTTP_ADDR is not loopback: anyone who reaches the address could send reports (or listen on '127.0.0.1:8080')",
    )
  }
  if (values.readerAuth === 'token' && readers === undefined) {
    faults.push(
      "PULLTRACE_READER_TOKEN_FILE must be set when PULLTRACE_READER_AUTH is 'token' (or say 'none': everyone who reaches the address can read)",
    )
  }
  if (values.databaseUrl !== undefined) {
    faults.push('PULLTRACE_DATABASE_URL must not be set: other databases are not available yet')
  }
  const files = ['agentTokenFile', 'readerTokenFile', 'tlsCertFile', 'tlsKeyFile', 'tkApiKeyFile', 'tkCaFile'] as const
  for (const key of files) {
    const file = values[key]
    if (file !== undefined && !existsSync(file))
      faults.push(`${settings[key].name} must be a file that exists, got '${file}'`)
  }
  for (const namespace of values.watchNamespaces ?? []) {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace))
      faults.push(`PULLTRACE_WATCH_NAMESPACES must hold names of namespaces, got '${namespace}'`)
  }
  const rules = rulesOf(values, faults)
  const tls = tlsOf(values.tlsCertFile, values.tlsKeyFile, faults)
  for (const origin of values.corsOrigins ?? []) {
    if (!isOrigin(origin))
      faults.push(`PULLTRACE_CORS_ORIGINS must hold origins such as 'https://dash.example.com', got '${origin}'`)
  }
  throwFaults(program, faults)
  const { agentToken: _a, agentTokenFile: _b, readerToken: _c, readerTokenFile: _d, ...others } = values as Settings
  const {
    tkApiUrl: _e,
    tkApiKey: _f,
    tkApiKeyFile: _g,
    tkCaFile: _h,
    tkTags: _i,
    tkSyncIntervalMs: _j,
    ...rest
  } = others
  return {
    ...rest,
    rules,
    idleReportIntervalMs: rest.idleReportIntervalMs ?? rest.reportIntervalMs,
    agents,
    readers: rest.readerAuth === 'token' ? readers : undefined,
    tls,
  }
}

function rulesOf(values: Partial<Settings>, faults: string[]): RulesConfig | undefined {
  const key = tokenOf('TK_API_KEY', values.tkApiKey, values.tkApiKeyFile, faults)
  for (const tag of values.tkTags ?? []) {
    const fault = tagFault(tag)
    if (fault !== undefined) faults.push(`TK_TAGS must hold tags, and each of them ${fault}, got '${tag}'`)
  }
  if (values.tkApiUrl === undefined) return undefined
  if (key === undefined) {
    faults.push("TK_API_KEY_FILE must be set when TK_API_URL is: 'tk-sensor-api keys create NAME' makes a key")
    return undefined
  }
  const { tkApiUrl: apiUrl, tkCaFile: caFile, tkTags: tags = [], tkSyncIntervalMs: syncIntervalMs = 30_000 } = values
  return { apiUrl, key, caFile, tags, syncIntervalMs }
}

/** Without it the server knows nothing of Kubernetes, and does not look for it. */
export const needsKubernetes = ({ agentAuth, readerAuth, settingsConfigMap, watchPods }: ServerConfig): boolean =>
  watchPods || agentAuth === 'kubernetes' || readerAuth === 'kubernetes' || settingsConfigMap !== undefined

function tokenOf(name: string, token: string | undefined, file: string | undefined, faults: string[]) {
  if (token !== undefined && file !== undefined) faults.push(`${name} and ${name}_FILE must not both be set`)
  // Never the value itself: this is logged.
  if (token !== undefined && /\s/.test(token)) faults.push(`${name} must be one token without white space`)
  if (file !== undefined) return { file }
  return token === undefined ? undefined : { token: new Secret(token) }
}

function tlsOf(certFile: string | undefined, keyFile: string | undefined, faults: string[]) {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile }
  if (certFile !== undefined || keyFile !== undefined) {
    faults.push('PULLTRACE_TLS_CERT_FILE and PULLTRACE_TLS_KEY_FILE must be set together')
  }
  return undefined
}

const isOrigin = (text: string) => text === '*' || (URL.canParse(text) && new URL(text).origin === text)
