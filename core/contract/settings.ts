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

/** Fields that mean nothing on one machine: there is nothing to schedule, mount or select. */
const clusterOnly = [
  'agent.nodeSelector',
  'agent.tolerations',
  'agent.resources',
  'agent.priorityClassName',
  'agent.updateStrategy',
  'server.resources',
  'server.storage',
  'server.service',
  'server.tls',
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
