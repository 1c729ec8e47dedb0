import { clusterNames, containerPaths, ports, rulesSecretKeys, settingsKeys } from './cluster-names.ts'
import type { PulltraceConfigSpec } from './pulltrace-config.ts'

/** Settings of one program by the name of the environment variable; absent means the program's own default. */
export type ProgramSettings = Readonly<Record<string, string>>

export interface Settings {
  readonly server: ProgramSettings
  readonly agent: ProgramSettings
}

/**
 * What a PulltraceConfig means for the programs: for the operator and for `pulltrace up`.
 * `readerAuth` stands where the spec is silent: `token` in a cluster, `none` on a loopback address.
 */
export function settingsOf(spec: PulltraceConfigSpec, readerAuth: 'token' | 'none'): Settings {
  const reportInterval = spec.reportInterval ?? '2s'
  const retention = spec.server?.history?.retention
  const namespaces = spec.watchNamespaces ?? []
  return {
    server: {
      // The server commands the agents, so both intervals are its settings too.
      PULLTRACE_REPORT_INTERVAL: reportInterval,
      ...(spec.idleReportInterval !== undefined && { PULLTRACE_IDLE_REPORT_INTERVAL: spec.idleReportInterval }),
      PULLTRACE_READER_AUTH: spec.server?.readerAuth ?? readerAuth,
      ...(retention !== undefined && { PULLTRACE_HISTORY_TTL: retention }),
      ...(namespaces.length > 0 && { PULLTRACE_WATCH_NAMESPACES: namespaces.join(',') }),
    },
    agent: {
      PULLTRACE_REPORT_INTERVAL: reportInterval,
      PULLTRACE_CONTAINERD_SOCKET: spec.agent?.runtime?.socket ?? '/run/containerd/containerd.sock',
    },
  }
}

/**
 * The agent's settings in a cluster. Without the report interval: the server commands it, so that a change of it
 * changes no pod template and restarts nothing.
 */
export function agentSettingsOf(spec: PulltraceConfigSpec, serverNamespace: string) {
  const { PULLTRACE_CONTAINERD_SOCKET: socket } = settingsOf(spec, 'token').agent
  const tls = spec.server?.tls !== undefined
  const env: ProgramSettings = {
    PULLTRACE_SERVER_URL: `http${tls ? 's' : ''}://${clusterNames.server}.${serverNamespace}.svc:${ports.http}`,
    PULLTRACE_AGENT_TOKEN_FILE: `${containerPaths.agentToken}/token`,
    PULLTRACE_CONTAINERD_SOCKET: socket!,
    PULLTRACE_AGENT_METRICS_ADDR: `:${ports.agentMetrics}`,
    ...(tls && { PULLTRACE_CA_FILE: `${containerPaths.agentCa}/ca.crt` }),
  }
  return { env, socket: socket! }
}

/** The server's settings in a cluster. It reads the intervals from ConfigMap `pulltrace-settings` instead. */
export function serverSettingsOf(spec: PulltraceConfigSpec, namespace: string, caKey = 'ca.crt'): ProgramSettings {
  const {
    PULLTRACE_REPORT_INTERVAL: _,
    PULLTRACE_IDLE_REPORT_INTERVAL: __,
    ...server
  } = settingsOf(spec, 'token').server
  return {
    ...server,
    PULLTRACE_HTTP_ADDR: `:${ports.http}`,
    PULLTRACE_METRICS_ADDR: `:${ports.serverMetrics}`,
    PULLTRACE_DATA_DIR: containerPaths.serverData,
    PULLTRACE_AGENT_AUTH: 'kubernetes',
    PULLTRACE_WATCH_PODS: 'true',
    PULLTRACE_SETTINGS_CONFIGMAP: `${namespace}/${clusterNames.settings}`,
    // The endpoint of a stopping pod is known to all nodes only after a moment.
    PULLTRACE_DRAIN_DELAY: '5s',
    ...(server['PULLTRACE_READER_AUTH'] === 'token' && {
      PULLTRACE_READER_TOKEN_FILE: `${containerPaths.readerToken}/token`,
    }),
    ...(spec.server?.tls !== undefined && {
      PULLTRACE_TLS_CERT_FILE: `${containerPaths.serverTls}/tls.crt`,
      PULLTRACE_TLS_KEY_FILE: `${containerPaths.serverTls}/tls.key`,
    }),
    ...linksOf(spec),
    ...builtInSensorOf(spec, namespace, caKey),
  }
}

/** The settings of tk-sensor-api in a cluster; its HMAC secret comes from the Secret. */
export function sensorApiSettingsOf(spec: PulltraceConfigSpec): ProgramSettings {
  return {
    TK_GRPC_ADDR: `:${ports.sensorApi}`,
    TK_SENSOR_METRICS_ADDR: `:${ports.sensorApiMetrics}`,
    TK_DATABASE_URL: `${containerPaths.serverData}/tk.db`,
    TK_BOOTSTRAP_API_KEY_FILE: `${containerPaths.rules}/${rulesSecretKeys.apiKey}`,
    TK_EVENTS_RETENTION: spec.rules?.retention ?? '720h',
    ...rulesTlsOf(spec),
  }
}

/** The settings of tk-web-ui in a cluster. */
export function webUiSettingsOf(spec: PulltraceConfigSpec): ProgramSettings {
  return {
    TK_HTTP_ADDR: `:${ports.webUi}`,
    TK_UI_METRICS_ADDR: `:${ports.webUiMetrics}`,
    TK_DATABASE_URL: `${containerPaths.serverData}/tk.db`,
    TK_ADMIN_PASSWORD_FILE: `${containerPaths.admin}/${rulesSecretKeys.adminPassword}`,
    ...linksOf(spec),
    ...rulesTlsOf(spec),
  }
}

/** Where people find the pages: the two kinds link to each other. */
function linksOf({ server, rules }: PulltraceConfigSpec): ProgramSettings {
  return {
    ...(server?.publicURL !== undefined && { PULLTRACE_PUBLIC_URL: server.publicURL }),
    ...(rules?.enabled && rules.publicURL !== undefined && { TK_PUBLIC_URL: rules.publicURL }),
  }
}

function rulesTlsOf(spec: PulltraceConfigSpec): ProgramSettings {
  if (spec.server?.tls === undefined) return { TK_ALLOW_PLAINTEXT: 'true' }
  return {
    TK_TLS_CERT_FILE: `${containerPaths.serverTls}/tls.crt`,
    TK_TLS_KEY_FILE: `${containerPaths.serverTls}/tls.key`,
  }
}

/** How the server reaches the sensor API beside it: its pod has that name as its own, for the sake of the certificate. */
function builtInSensorOf(spec: PulltraceConfigSpec, namespace: string, caKey: string): ProgramSettings {
  if (!spec.rules?.enabled) return {}
  const key = { TK_API_KEY_FILE: `${containerPaths.rules}/${rulesSecretKeys.apiKey}` }
  if (spec.server?.tls === undefined) return { ...key, TK_API_URL: `http://127.0.0.1:${ports.sensorApi}` }
  return {
    ...key,
    TK_API_URL: `https://${sensorApiHost(namespace)}:${ports.sensorApi}`,
    TK_CA_FILE: `${containerPaths.serverTls}/${caKey}`,
  }
}

export const sensorApiHost = (namespace: string) => `${clusterNames.sensorApi}.${namespace}.svc`

/** Data of ConfigMap `pulltrace-settings`: what the server commands the agents. */
export function intervalsOf(spec: PulltraceConfigSpec): Readonly<Record<string, string>> {
  return {
    [settingsKeys.reportInterval]: spec.reportInterval ?? '2s',
    ...(spec.idleReportInterval !== undefined && { [settingsKeys.idleReportInterval]: spec.idleReportInterval }),
  }
}

/** Fields that mean nothing on one machine: there is nothing to schedule, mount or select. */
const clusterOnly = [
  'agent.nodeSelector',
  'agent.tolerations',
  'agent.resources',
  'agent.priorityClassName',
  'agent.updateStrategy',
  'server.resources',
  'server.storage',
  'server.publicURL',
  'server.service',
  'server.tls',
  'rules.publicURL',
  'watchNamespaces',
  'imagePullSecrets',
] as const

/** Paths of the given fields that only a cluster can honour. An empty list or map asks for nothing and is not told. */
export function clusterOnlyFields(spec: PulltraceConfigSpec): readonly string[] {
  return clusterOnly
    .filter(
      path =>
        !isEmpty(path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], spec)),
    )
    .map(path => `spec.${path}`)
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}
