import type { Pull } from '../../core/contract/pull.ts'
import { isTerminal, type Phase } from '../../core/contract/words.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { type ImageState, imageText } from './image-words.ts'
import type { PodWarning } from './kubelet-news.ts'
import { canonicalImage, matchingPull, pullsAhead } from './matching-pull.ts'
import type { PodView } from './pod-view.ts'
import { shortReason } from './pull-words.ts'
import type { ContainerStanding } from './standing.ts'

export interface ContainerAnswer {
  readonly name: string
  readonly image: string
  readonly init: boolean
  readonly state: Phase | ImageState | 'preparing' | 'working' | 'behind' | 'trouble' | 'running' | 'ready' | 'done'
  /** About when the kubelet tries again. */
  readonly retryAt?: string
  readonly pull?: Pull
}

export interface Around {
  readonly pod: PodView
  readonly pulls: readonly Pull[] | undefined
  readonly warnings: readonly PodWarning[]
  readonly nowMs: number
}

export interface Answer {
  readonly image: boolean
  readonly sentences: readonly string[]
  readonly container: ContainerAnswer
}

/** What is said of one container that waits. */
export function answerOf(own: ContainerStanding, { pod, pulls, warnings, nowMs }: Around): Answer {
  const { name, image, standing } = own
  const container = plainAnswer(own)
  if (standing.is === 'trouble') {
    const said = standing.message === '' ? '' : `: ${shortReason(standing.message)}`
    return { image: false, sentences: [`${harmless(standing.reason)}${said}`], container }
  }
  if (standing.is === 'working') {
    const doing = standing.sidecar ? 'it runs and has not started in full yet' : 'it runs and has not ended yet'
    return { image: false, sentences: [doing], container }
  }
  const waiting = {
    namespace: pod.metadata?.namespace ?? '',
    pod: pod.metadata?.name ?? '',
    container: name,
    image,
    node: pod.spec?.nodeName ?? '',
  }
  const match = matchingPull(pulls?.filter(pull => isOfThisTry(pull, own)) ?? [], waiting)
  if (standing.is === 'preparing' && !match?.certain) {
    const since = Math.max(own.news.pulledAtMs ?? 0, own.news.failedAtMs ?? 0)
    const warning = warnings.find(found => found.atMs >= since && (found.container ?? name) === name)
    const doing = standing.imageIsHere
      ? 'its image is here, and the kubelet creates it'
      : 'the kubelet prepares volumes and network, and has not asked for an image yet'
    const because = warning === undefined ? [] : [`${harmless(warning.reason)}: ${shortReason(warning.message)}`]
    return { image: false, sentences: [doing, ...because], container }
  }
  const ahead = match === undefined ? [] : pullsAhead(pulls ?? [], match.pull)
  const { state, sentences, retryAt } = imageText(own, { match, ahead, asked: pulls !== undefined, nowMs })
  return {
    image: true,
    sentences,
    container: {
      ...container,
      state,
      ...(retryAt !== undefined && { retryAt: new Date(retryAt).toISOString() }),
      ...(match !== undefined && { pull: match.pull }),
    },
  }
}

/** A pull that ended long ago says nothing of the one that is waited for now. Clocks of one node; events have whole seconds. */
function isOfThisTry(pull: Pull, { standing, news, image }: ContainerStanding): boolean {
  if (!isTerminal(pull.phase)) return true
  if (standing.is === 'preparing') return false
  const endedMs = Date.parse(pull.completedAt ?? pull.startedAt)
  if (standing.is === 'pulling') return endedMs >= standing.sinceMs - 1000
  // The kubelet's last word is a failure: a pull of that image that ended well is another pod's.
  if (pull.phase === 'completed') return false
  return canonicalImage(pull.imageRef) === canonicalImage(image) || endedMs >= (news.failedAtMs ?? 0) - 5000
}

export function plainAnswer({ name, image, init, standing }: ContainerStanding): ContainerAnswer {
  const state = standing.is === 'refused' ? (standing.backOff ? 'backOff' : 'failed') : standing.is
  return { name, image, init, state }
}
