import { parseDurationMs } from '../lib/duration.ts'
import { type ImageRef, parseImageRef } from './image-ref.ts'
import { type Reason, reasonOf, saysMore } from './kubelet-reason.ts'

/**
 * What the kubelet has told of one container's image. Times are whole seconds by the clock of the node, in epoch ms.
 * `withFact` takes the newest of each kind, so that the order in which events arrive does not matter.
 */
export interface KubeletFacts {
  readonly pullingAtMs?: number
  readonly pulledAtMs?: number
  /** How long the pull waited in the kubelet's queue. Milliseconds. */
  readonly queuedMs?: number
  readonly failure?: Told
  readonly backOff?: Told
}

interface Told {
  readonly atMs: number
  readonly reason: Reason
}

export type KubeletFact =
  | { readonly kind: 'pulling'; readonly atMs: number }
  | { readonly kind: 'pulled'; readonly atMs: number; readonly queuedMs: number | undefined }
  | { readonly kind: 'failure' | 'backOff'; readonly atMs: number; readonly reason: Reason }

/** A container whose image may be pulled, has just been, or cannot be. */
export interface WaitingContainer {
  readonly podUid: string
  readonly namespace: string
  readonly podName: string
  readonly container: string
  readonly workload: string | undefined
  readonly image: ImageRef
  /** The pod is there and the image is not, as far as the pod's status tells. */
  readonly waiting: boolean
  /** The pod is gone for good. */
  readonly deleted: boolean
  readonly facts: KubeletFacts
}

/** What is known of the pods of one node. */
export interface NodeWaits {
  readonly containers: readonly WaitingContainer[]
  /** False where only some namespaces are watched: then somebody unseen may wait for the same repository. */
  readonly everyNamespace: boolean
}

export const noWaits: NodeWaits = { containers: [], everyNamespace: true }

/** Pod and container; no name contains a slash. */
export const keyOf = ({ podUid, container }: Pick<WaitingContainer, 'podUid' | 'container'>) => `${podUid}/${container}`

/** What one of the kubelet's events says of an image; undefined when it says nothing of a pull. */
export function factOf(reason: string, message: string, atMs: number): KubeletFact | undefined {
  switch (reason) {
    case 'Pulling':
      return { kind: 'pulling', atMs }
    case 'Pulled': {
      // "already present on machine" is no pull.
      if (!message.startsWith('Successfully pulled image')) return undefined
      return { kind: 'pulled', atMs, queuedMs: queuedOf(message) }
    }
    case 'Failed': {
      if (!/^(?:\(combined from similar events\): )?Failed to pull image /.test(message)) return undefined
      return told('failure', atMs, message)
    }
    case 'BackOff': {
      const why = /^Back-off pulling image "[^"]*"(?:: (.+))?$/s.exec(message)
      return why ? told('backOff', atMs, why[1] ?? message) : undefined
    }
    default:
      return undefined
  }
}

function told(kind: 'failure' | 'backOff', atMs: number, text: string): KubeletFact | undefined {
  const reason = reasonOf(text, kind === 'backOff')
  return reason && { kind, atMs, reason }
}

export function withFact(facts: KubeletFacts, fact: KubeletFact): KubeletFacts {
  const { kind, atMs } = fact
  switch (kind) {
    case 'pulling':
      return atMs > (facts.pullingAtMs ?? -Infinity) ? { ...facts, pullingAtMs: atMs } : facts
    case 'pulled': {
      if (atMs <= (facts.pulledAtMs ?? -Infinity)) return facts
      const { queuedMs: _, ...rest } = facts
      return { ...rest, pulledAtMs: atMs, ...(fact.queuedMs !== undefined && { queuedMs: fact.queuedMs }) }
    }
    default: {
      const before = facts[kind]
      if (
        before !== undefined &&
        (atMs < before.atMs || (atMs === before.atMs && !outranks(fact.reason, before.reason)))
      )
        return facts
      return { ...facts, [kind]: { atMs, reason: fact.reason } }
    }
  }
}

/** Of two texts of one second that say as much the first in order stands, whichever arrived first. */
const outranks = (now: Reason, before: Reason) =>
  saysMore(now, before) || (!saysMore(before, now) && now.message < before.message)

/** The newest try to pull, and how it stands. */
export interface Attempt {
  readonly startedAtMs: number
  readonly status: 'outstanding' | 'pulled' | 'failed'
  readonly endedAtMs: number | undefined
  readonly reason: Reason | undefined
}

/**
 * Undefined before the first `Pulling`. Ends of the same second belong to the attempt: the next one is at least ten
 * seconds of back-off away.
 */
export function attemptOf({ pullingAtMs, pulledAtMs, failure, backOff }: KubeletFacts): Attempt | undefined {
  if (pullingAtMs === undefined) return undefined
  const failures = [failure, backOff].filter(told => told !== undefined && told.atMs >= pullingAtMs) as Told[]
  const failedAtMs = failures.length === 0 ? undefined : Math.min(...failures.map(({ atMs }) => atMs))
  if (pulledAtMs !== undefined && pulledAtMs >= pullingAtMs && pulledAtMs >= (failedAtMs ?? 0)) {
    return { startedAtMs: pullingAtMs, status: 'pulled', endedAtMs: pulledAtMs, reason: undefined }
  }
  if (failedAtMs === undefined) {
    return { startedAtMs: pullingAtMs, status: 'outstanding', endedAtMs: undefined, reason: undefined }
  }
  const best = failures.reduce((a, b) => (saysMore(b.reason, a.reason) ? b : a))
  return { startedAtMs: pullingAtMs, status: 'failed', endedAtMs: failedAtMs, reason: best.reason }
}

/** A container as the watch knows it, ready to be joined; undefined when its image is no reference. */
export function waitingContainer(
  parts: Omit<WaitingContainer, 'image'> & { readonly image: string },
): WaitingContainer | undefined {
  const image = parseImageRef(parts.image)
  return image && { ...parts, image }
}

/** `Successfully pulled image "x" in 1.2s (3.4s including waiting).`: the difference is the queue. */
function queuedOf(message: string): number | undefined {
  const took = / in ([0-9.a-zµ]+) \(([0-9.a-zµ]+) including waiting\)/.exec(message)
  if (took === null) return undefined
  const pullMs = parseDurationMs(took[1]!)
  const allMs = parseDurationMs(took[2]!)
  return pullMs === undefined || allMs === undefined || allMs < pullMs ? undefined : Math.round(allMs - pullMs)
}
