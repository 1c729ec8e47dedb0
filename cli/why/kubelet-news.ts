import { type EventView, timeMsOf } from './pod-view.ts'

/** What the events of a pod say of one container's image. Times are epoch ms, by the clock of the node. */
export interface ImageNews {
  readonly pullingAtMs?: number
  readonly pulledAtMs?: number
  /** The newest failed pull. */
  readonly failedAtMs?: number
  readonly failedText?: string
  /** How many pulls failed, as far as events are still kept (an hour by default). */
  readonly failures: number
}

export interface PodWarning {
  readonly reason: string
  readonly message: string
  readonly atMs: number
  /** The container it is about; undefined for the pod. */
  readonly container: string | undefined
}

export interface KubeletNews {
  /** By container name: init containers and others share one space of names. */
  readonly images: ReadonlyMap<string, ImageNews>
  /** Newest first; none of them is about an image. */
  readonly warnings: readonly PodWarning[]
}

const failedPull = /^Failed to pull image "[^"]*": /

/** Reads the events of one pod, in any order; those of the same kind may come several times with other texts. */
export function kubeletNews(events: readonly EventView[]): KubeletNews {
  const images = new Map<string, ImageNews>()
  const warnings: PodWarning[] = []
  for (const event of events) {
    const { reason = '', message = '' } = event
    const atMs = lastSeenMs(event)
    if (atMs === undefined) continue
    const container = /^spec\.(?:init|ephemeral)?[cC]ontainers\{(.+)\}$/.exec(
      event.involvedObject?.fieldPath ?? '',
    )?.[1]
    const before = images.get(container ?? '') ?? { failures: 0 }
    const image = container === undefined ? undefined : imageNews(before, reason, message, atMs, countOf(event))
    if (container !== undefined && image !== undefined) images.set(container, image)
    else if (event.type === 'Warning' && !isAboutImages(reason, message)) {
      warnings.push({ reason, message, atMs, container })
    }
  }
  warnings.sort((a, b) => b.atMs - a.atMs)
  return { images, warnings }
}

function imageNews(
  before: ImageNews,
  reason: string,
  message: string,
  atMs: number,
  count: number,
): ImageNews | undefined {
  if (reason === 'Pulling') return { ...before, pullingAtMs: Math.max(before.pullingAtMs ?? 0, atMs) }
  if (reason === 'Pulled') return { ...before, pulledAtMs: Math.max(before.pulledAtMs ?? 0, atMs) }
  if (reason !== 'Failed' || !failedPull.test(message)) return undefined
  const failures = before.failures + count
  if (atMs < (before.failedAtMs ?? 0)) return { ...before, failures }
  return { ...before, failures, failedAtMs: atMs, failedText: message.replace(failedPull, '') }
}

/** `BackOff` is the kubelet's word for images and for crashes alike: the text tells. */
function isAboutImages(reason: string, message: string): boolean {
  if (reason === 'Failed')
    return /^(?:Error: )?(?:ErrImagePull|ImagePullBackOff|ErrImageNeverPull)|image/i.test(message)
  if (reason === 'BackOff') return message.startsWith('Back-off pulling image')
  return /^(?:ErrImageNeverPull|InspectFailed|PullStalled)$/.test(reason)
}

const lastSeenMs = ({ series, lastTimestamp, eventTime, firstTimestamp }: EventView) =>
  timeMsOf(series?.lastObservedTime) ?? timeMsOf(lastTimestamp) ?? timeMsOf(eventTime) ?? timeMsOf(firstTimestamp)

/** At most a million: an event is anybody's text who may write events. */
const countOf = ({ series, count }: EventView) => Math.min(Math.max(series?.count ?? count ?? 1, 1), 1_000_000)

/** The kubelet's first wait after a failed pull, and its longest (kubelet.go, v1.36: imageBackOff). Milliseconds. */
const firstBackOffMs = 10_000
const maxBackOffMs = 300_000

/**
 * About when the kubelet tries again: it doubles its wait with each failure and tells nobody when it ends. Undefined
 * when the events are gone.
 */
export function retryAtMs({ failedAtMs, failures }: ImageNews): number | undefined {
  if (failedAtMs === undefined) return undefined
  return failedAtMs + Math.min(firstBackOffMs * 2 ** (failures - 1), maxBackOffMs)
}
