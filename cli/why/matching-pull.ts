import type { Pull } from '../../core/contract/pull.ts'
import { isTerminal } from '../../core/contract/words.ts'
import { parseImageRef } from '../../core/pulls/image-ref.ts'

export interface Waiting {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly image: string
  readonly node: string
}

export interface Match {
  readonly pull: Pull
  /** False: it is the same image on the same node, but others may be meant as well. */
  readonly certain: boolean
}

/**
 * The pull that a container waits for: one that names the pod, else one of the same image on its node. Those under
 * way win over those that ended, newer ones over older ones.
 */
export function matchingPull(pulls: readonly Pull[], waiting: Waiting): Match | undefined {
  const candidates = pulls.flatMap(pull => {
    if (pull.nodeName !== waiting.node) return []
    const ref = pull.pods.find(
      ({ namespace, podName, container }) =>
        namespace === waiting.namespace && podName === waiting.pod && container === waiting.container,
    )
    if (ref !== undefined) return [{ pull, named: true, certain: ref.certain }]
    if (canonicalImage(pull.imageRef) !== canonicalImage(waiting.image)) return []
    return [{ pull, named: false, certain: false }]
  })
  const rank = ({ pull, named }: (typeof candidates)[number]) => (named ? 2 : 0) + (isTerminal(pull.phase) ? 0 : 1)
  candidates.sort((a, b) => rank(b) - rank(a) || Date.parse(b.pull.startedAt) - Date.parse(a.pull.startedAt))
  return candidates[0]
}

/**
 * What the kubelet of that node pulls before a queued one: what is under way, then what was queued earlier. It pulls
 * one at a time unless it is told otherwise, so nothing is before a pull that has begun.
 */
export function pullsAhead(pulls: readonly Pull[], own: Pull): Pull[] {
  if (own.phase !== 'queued') return []
  const others = pulls.filter(
    ({ id, nodeName, phase }) => id !== own.id && nodeName === own.nodeName && !isTerminal(phase),
  )
  const startedMs = ({ startedAt }: Pull) => Date.parse(startedAt)
  return others
    .filter(pull => pull.phase !== 'queued' || startedMs(pull) < startedMs(own))
    .sort((a, b) => Number(a.phase === 'queued') - Number(b.phase === 'queued') || startedMs(a) - startedMs(b))
}

/** As the runtime records it: `nginx` is `docker.io/library/nginx:latest`. What is no reference is itself. */
export const canonicalImage = (image: string) => parseImageRef(image)?.name ?? image
