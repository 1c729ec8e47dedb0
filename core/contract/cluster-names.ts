/**
 * What the operator makes is found by name, by other programs and by people: one word for each, in one place.
 * Names are public; they are never changed.
 */
export const clusterNames = {
  agent: 'pulltrace-agent',
  server: 'pulltrace-server',
  serverHeadless: 'pulltrace-server-headless',
  /** ConfigMap that the server watches: the report intervals, as Go durations. */
  settings: 'pulltrace-settings',
  /** Secret with the key `token`, and the ServiceAccount of readers. */
  reader: 'pulltrace-reader',
  /** ConfigMap with the key `ca.crt` beside the agents: whom they trust when the server has TLS. */
  serverCa: 'pulltrace-server-ca',
  /** Services of the sensor API and of the pages of rules; their pod is the server's. */
  sensorApi: 'tk-sensor-api',
  webUi: 'tk-web-ui',
  /** Secret with the keys of the rule half. */
  rules: 'pulltrace-rules',
  serviceMonitor: 'pulltrace',
  operator: 'pulltrace-operator',
} as const

/** Keys of ConfigMap `pulltrace-settings`. */
export const settingsKeys = { reportInterval: 'reportInterval', idleReportInterval: 'idleReportInterval' } as const

/**
 * Keys of Secret `pulltrace-rules`: what API keys are hashed with, the key of the server's own sensor, and the first
 * password of user `admin`, who must change it.
 */
export const rulesSecretKeys = {
  hmacSecret: 'hmac-secret',
  apiKey: 'api-key',
  adminPassword: 'admin-password',
} as const

/** Audience of the tokens that agents send: a token made for the API server is worth nothing here, nor ours there. */
export const agentTokenAudience = 'pulltrace-server'

/** Paths inside the containers. */
export const containerPaths = {
  agentToken: '/var/run/secrets/pulltrace',
  agentCa: '/etc/pulltrace/ca',
  serverData: '/var/lib/pulltrace',
  readerToken: '/etc/pulltrace/reader',
  serverTls: '/etc/pulltrace/tls',
  rules: '/etc/pulltrace/rules',
  admin: '/etc/pulltrace/admin',
} as const

export const ports = {
  http: 8080,
  serverMetrics: 9090,
  agentMetrics: 9091,
  operatorMetrics: 8081,
  sensorApi: 50051,
  sensorApiMetrics: 9092,
  webUi: 8090,
  webUiMetrics: 9093,
} as const
