import type { CoreV1Event } from '../../../core/kube/objects.ts'
import { factOf, type KubeletFact } from '../../../core/pulls/waiting.ts'

/** One of the kubelet's words about one image. */
export interface KubeletEvent {
  readonly podUid: string
  readonly namespace: string
  readonly podName: string
  readonly container: string
  /** Who says so. */
  readonly nodeName: string | undefined
  readonly fact: KubeletFact
}

/** Events of these reasons are many and say nothing of images: the API server leaves them out. */
export const eventSelector = [
  'involvedObject.kind=Pod',
  ...['Created', 'Started', 'Scheduled', 'Killing', 'Unhealthy', 'SandboxChanged'].map(reason => `reason!=${reason}`),
].join(',')

/** How far a node's clock may be ahead of ours. Milliseconds. */
const aheadMs = 600_000
/** The API server keeps events for an hour; what is older has been written by a clock that is wrong, or by hand. */
const behindMs = 2 * 3_600_000

/** No name or UID is longer; in an event they are anybody's text, of up to a megabyte, and events are kept for a while. */
const maxNameLength = 253
/** Kubelets cut their texts at 1024 characters; a longer one is by hand. */
const maxMessageLength = 16_384

/**
 * Undefined for what is no word of a kubelet about a pull. Whoever may create events in a namespace can write one that
 * looks like it: it counts for pods of that namespace only, and docs/threat-model.md says what it can do.
 */
export function kubeletEventOf(event: CoreV1Event, nowMs: number): KubeletEvent | undefined {
  const { involvedObject: pod, reason, message, source, metadata } = event
  if (pod.kind !== 'Pod' || (event.reportingComponent || source?.component) !== 'kubelet') return undefined
  if (!pod.uid || !pod.namespace || !pod.name || pod.namespace !== metadata.namespace) return undefined
  const container = /^spec\.(?:initContainers|containers|ephemeralContainers)\{([^}]+)\}$/.exec(
    pod.fieldPath ?? '',
  )?.[1]
  if ([pod.uid, pod.name, container, source?.host].some(name => (name ?? '').length > maxNameLength)) return undefined
  const atMs = timeOf(event)
  if (container === undefined || atMs === undefined || atMs > nowMs + aheadMs || atMs < nowMs - behindMs)
    return undefined
  const fact = factOf(reason ?? '', (message ?? '').slice(0, maxMessageLength), atMs)
  if (fact === undefined) return undefined
  const { uid: podUid, namespace, name: podName } = pod
  return { podUid, namespace, podName, container, nodeName: source?.host, fact }
}

/** The newest time at which it happened, cut to the second. */
function timeOf({ lastTimestamp, series, eventTime, firstTimestamp }: CoreV1Event): number | undefined {
  const ms = Date.parse(lastTimestamp ?? series?.lastObservedTime ?? eventTime ?? firstTimestamp ?? '')
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000) * 1000
}
