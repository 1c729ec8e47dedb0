import { clusterNames, ports, settingsKeys } from '../core/contract/cluster-names.ts'
import type { V1Condition, V1ConfigMap, V1DaemonSet, V1Service, V1StatefulSet } from '../core/kube/objects.ts'
import { conditionsOf, type Finding, type Findings } from './conditions.ts'

/** Status of a PulltraceConfig: a few lines, however many nodes there are. */
export interface ConfigStatus {
  readonly conditions: readonly V1Condition[]
  readonly observedGeneration: number
  /** In force: what the server was told to command. */
  readonly reportInterval?: string
  readonly agents?: {
    readonly desired: number
    readonly ready: number
    readonly updated: number
    /** `ready/desired`, for the column. */
    readonly summary: string
  }
  readonly endpoint?: string
}

/** What a look at a config came to. */
export type Verdict =
  | { readonly is: 'begun' }
  /** Nothing more happens until somebody changes something; what runs goes on. */
  | { readonly is: 'stalled'; readonly reason: string; readonly message: string }
  /** It is tried again. */
  | { readonly is: 'failed'; readonly reason: string; readonly message: string }
  | { readonly is: 'applied' }

/** What is in the cluster after the look. Absent: not there, or not ours. */
export interface Running {
  readonly daemonSet?: V1DaemonSet | undefined
  readonly statefulSet?: V1StatefulSet | undefined
  readonly settings?: V1ConfigMap | undefined
  readonly service?: V1Service | undefined
  readonly tls: boolean
}

/** How long a roll-out may take before it counts as a failure that somebody should look at. */
export const progressDeadlineMs = 10 * 60_000

export function statusOf(
  verdict: Verdict,
  running: Running,
  before: ConfigStatus | undefined,
  generation: number,
  nowMs: number,
): ConfigStatus {
  const findings = findingsOf(verdict, running, before, generation, nowMs)
  const reportInterval = running.settings?.data?.[settingsKeys.reportInterval]
  const endpoint = endpointOf(running)
  const agents = running.daemonSet && agentsOf(running.daemonSet)
  return {
    conditions: conditionsOf(findings, before?.conditions, generation, nowMs),
    observedGeneration: generation,
    ...(reportInterval !== undefined && { reportInterval }),
    ...(agents && { agents: { ...agents, summary: `${agents.ready}/${agents.desired}` } }),
    ...(endpoint !== undefined && { endpoint }),
  }
}

function agentsOf({ status }: V1DaemonSet) {
  return {
    desired: status?.desiredNumberScheduled ?? 0,
    ready: status?.numberReady ?? 0,
    updated: status?.updatedNumberScheduled ?? 0,
  }
}

const yes = (reason: string, message: string): Finding => ({ status: 'True', reason, message })
const no = (reason: string, message = ''): Finding => ({ status: 'False', reason, message })

/** By the rules of kstatus: Reconciling and Stalled are there when something is not as it should be; Ready is the rest. */
function findingsOf(
  verdict: Verdict,
  running: Running,
  before: ConfigStatus | undefined,
  generation: number,
  nowMs: number,
): Findings {
  switch (verdict.is) {
    case 'begun':
      return {
        Ready: no('Reconciling', 'not looked at in full yet'),
        Reconciling: yes('Begun', 'the operator has begun'),
        Stalled: no('Reconciling'),
        Degraded: no('Reconciling'),
      }
    case 'stalled':
      return {
        Ready: no(verdict.reason, verdict.message),
        Reconciling: no('Stalled'),
        Stalled: yes(verdict.reason, verdict.message),
        Degraded: no('Stalled'),
      }
    case 'failed':
      return {
        Ready: no(verdict.reason, verdict.message),
        Reconciling: yes('Retrying', 'what failed is tried again'),
        Stalled: no('Retrying'),
        Degraded: yes(verdict.reason, verdict.message),
      }
    case 'applied':
      return rolloutOf(running, before, generation, nowMs)
  }
}

function rolloutOf(
  { daemonSet, statefulSet }: Running,
  before: ConfigStatus | undefined,
  generation: number,
  nowMs: number,
): Findings {
  const server = serverTroubleOf(statefulSet)
  const agents = agentTroubleOf(daemonSet)
  const stalled = no('Progressing')
  if (server === undefined && agents.waitsFor === undefined) {
    return {
      Ready: yes('Ready', `the server is ready, and ${agents.text}`),
      Reconciling: no('Done'),
      Stalled: stalled,
      Degraded: agents.missing > 0 ? yes('AgentsNotReady', agents.text) : no('Healthy'),
    }
  }
  const trouble = [server, agents.waitsFor].filter(text => text !== undefined).join('; ')
  const reason = server === undefined ? 'AgentsNotReady' : 'ServerNotReady'
  return {
    Ready: no(reason, trouble),
    Reconciling: yes('RollingOut', trouble),
    Stalled: stalled,
    Degraded: degradedOf(before, generation, nowMs, reason, trouble),
  }
}

/** Something that ran and does not run now; or that should have run by now. */
function degradedOf(
  before: ConfigStatus | undefined,
  generation: number,
  nowMs: number,
  reason: string,
  trouble: string,
): Finding {
  const was = (type: string) => before?.conditions.find(condition => condition.type === type)
  const ready = was('Ready')
  const degraded = was('Degraded')
  const sameGeneration = before?.observedGeneration === generation
  if (sameGeneration && (ready?.status === 'True' || degraded?.status === 'True')) return yes(reason, trouble)
  const since = was('Reconciling')
  const late = since?.status === 'True' && nowMs - Date.parse(since.lastTransitionTime) >= progressDeadlineMs
  return late ? yes('ProgressDeadlineExceeded', trouble) : no('RollingOut')
}

/** Why the server is not as it should be, or undefined. */
function serverTroubleOf(set: V1StatefulSet | undefined): string | undefined {
  if (set === undefined) return 'the server is not there yet'
  const { metadata, status } = set
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 1)) return 'the server is being changed'
  if ((status?.updatedReplicas ?? 0) < 1) return 'the server is being replaced'
  if ((status?.readyReplicas ?? 0) < 1) return 'the server is not ready'
  return undefined
}

/**
 * In a large cluster there is always a node that is down: as long as nine of ten agents run in their new form it is
 * ready, and degraded. On fewer than ten nodes all must run.
 */
function agentTroubleOf(set: V1DaemonSet | undefined) {
  if (set === undefined) return { missing: 0, text: 'no agents', waitsFor: 'the agents are not there yet' }
  const { desired, ready, updated } = agentsOf(set)
  const missing = desired - Math.min(ready, updated)
  const text = `${ready} of ${desired} agents are ready, ${updated} in their newest form`
  const isObserved = (set.status?.observedGeneration ?? 0) >= (set.metadata?.generation ?? 1)
  const waitsFor = !isObserved ? 'the agents are being changed' : missing > Math.floor(desired / 10) ? text : undefined
  return { missing, text, waitsFor }
}

function endpointOf({ service, settings, tls }: Running): string | undefined {
  const namespace = service?.metadata?.namespace ?? settings?.metadata?.namespace
  if (namespace === undefined) return undefined
  const ingress = service?.status?.loadBalancer?.ingress?.[0]
  const host = ingress?.hostname ?? bracketed(ingress?.ip) ?? `${clusterNames.server}.${namespace}.svc`
  return `http${tls ? 's' : ''}://${host}:${ports.http}`
}

const bracketed = (ip: string | undefined) => (ip?.includes(':') ? `[${ip}]` : ip)
