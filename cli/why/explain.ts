import type { Pull } from '../../core/contract/pull.ts'
import { isTerminal, type Phase } from '../../core/contract/words.ts'
import { harmless } from '../text.ts'
import { type ImageState, imageText } from './image-words.ts'
import { kubeletNews, type PodWarning } from './kubelet-news.ts'
import { canonicalImage, matchingPull, pullsAhead } from './matching-pull.ts'
import type { EventView, PodView } from './pod-view.ts'
import { podText } from './pod-words.ts'
import { listed, shortReason } from './pull-words.ts'
import { type ContainerStanding, standings } from './standing.ts'

/** What is known of a pod and of the pulls on its node. */
export interface Facts {
  readonly pod: PodView
  readonly events: readonly EventView[]
  /** Pulls on the pod's node and failed ones of the pod; undefined when no server could be asked. */
  readonly pulls: readonly Pull[] | undefined
}

/** `image`: at least one container waits for its image. The words are in the output of `-o json`: never renamed. */
export type WaitsFor = 'nothing' | 'scheduling' | 'image' | 'other'

export interface ContainerAnswer {
  readonly name: string
  readonly image: string
  readonly init: boolean
  readonly state: Phase | ImageState | 'preparing' | 'working' | 'behind' | 'trouble' | 'running' | 'ready' | 'done'
  /** About when the kubelet tries again. */
  readonly retryAt?: string
  readonly pull?: Pull
}

export interface Explanation {
  readonly waitsFor: WaitsFor
  /** One paragraph, safe to print. */
  readonly text: string
  readonly containers: readonly ContainerAnswer[]
}

/** Whether pulls would say more than the API does: if not, no server need be asked. */
export function asksForPulls({ pod, events }: Omit<Facts, 'pulls'>): boolean {
  if (podText(pod, []) !== undefined) return false
  return blockersOf(standings(pod, kubeletNews(events))).some(
    ({ standing: { is } }) => is === 'pulling' || is === 'refused',
  )
}

/** What a pod waits for, in one paragraph for the one who waits. Pure: the same facts and time give the same words. */
export function explain({ pod, events, pulls }: Facts, nowMs: number): Explanation {
  const news = kubeletNews(events)
  const containers = standings(pod, news)
  const named = harmless(`${pod.metadata?.namespace}/${pod.metadata?.name}`)
  const node = pod.spec?.nodeName
  const head = `Pod ${named}${node === undefined ? '' : ` on ${harmless(node)}`}`
  const ofPod = podText(pod, news.warnings)
  if (ofPod !== undefined) {
    return {
      waitsFor: ofPod.waitsFor,
      text: paragraph([`${head} ${ofPod.text}`]),
      containers: containers.map(plainAnswer),
    }
  }

  const blockers = blockersOf(containers)
  const answers = new Map<ContainerStanding, Answer>()
  for (const container of blockers) {
    answers.set(container, answerOf(container, { pod, pulls, warnings: news.warnings, nowMs }))
  }
  const first = blockers[0]
  const all = containers.map(container => answers.get(container)?.container ?? plainAnswer(container))
  if (first === undefined) {
    return {
      waitsFor: 'nothing',
      text: paragraph([`${head} waits for nothing: ${standText(containers, news.warnings)}`]),
      containers: all,
    }
  }
  const forImage = [...answers.values()].some(({ image }) => image)
  const sentences = blockers.flatMap((container, index) => {
    const { image, sentences } = answers.get(container)!
    const what = nameOf(container)
    const of = image
      ? `the image of ${what}, ${harmless(container.image)}`
      : `${what}, and that has nothing to do with images`
    return [`${index === 0 ? head : 'It'} waits for ${of}: ${sentences[0]}`, ...sentences.slice(1)]
  })
  const behind = containers.filter(({ standing }) => standing.is === 'behind')
  if (behind.length > 0)
    sentences.push(
      `${capital(listed(behind.map(nameOf)))} ${behind.length === 1 ? 'has its' : 'have their'} turn after that`,
    )
  return { waitsFor: forImage ? 'image' : 'other', text: paragraph(sentences), containers: all }
}

/** Of init containers only the one whose turn it is stands in the way. */
function blockersOf(containers: readonly ContainerStanding[]): ContainerStanding[] {
  const waits = containers.filter(({ standing: { is } }) =>
    ['pulling', 'refused', 'preparing', 'working', 'trouble'].includes(is),
  )
  const init = waits.find(({ init }) => init)
  return init === undefined ? waits : [init]
}

interface Around {
  readonly pod: PodView
  readonly pulls: readonly Pull[] | undefined
  readonly warnings: readonly PodWarning[]
  readonly nowMs: number
}

interface Answer {
  readonly image: boolean
  readonly sentences: readonly string[]
  readonly container: ContainerAnswer
}

function answerOf(own: ContainerStanding, { pod, pulls, warnings, nowMs }: Around): Answer {
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
  if (standing.is === 'preparing') {
    const since = Math.max(own.news.pulledAtMs ?? 0, own.news.failedAtMs ?? 0)
    const warning = warnings.find(found => found.atMs >= since && (found.container ?? name) === name)
    const doing = standing.imageIsHere
      ? 'its image is here, and the kubelet creates it'
      : 'the kubelet prepares volumes and network, and has not asked for an image yet'
    const because = warning === undefined ? [] : [`${harmless(warning.reason)}: ${shortReason(warning.message)}`]
    return { image: false, sentences: [doing, ...because], container }
  }
  const waiting = {
    namespace: pod.metadata?.namespace ?? '',
    pod: pod.metadata?.name ?? '',
    container: name,
    image,
    node: pod.spec?.nodeName ?? '',
  }
  const match = matchingPull(pulls?.filter(pull => isOfThisTry(pull, own)) ?? [], waiting)
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
  const endedMs = Date.parse(pull.completedAt ?? pull.startedAt)
  if (standing.is === 'pulling') return endedMs >= standing.sinceMs - 1000
  // The kubelet's last word is a failure: a pull of that image that ended well is another pod's.
  if (pull.phase === 'completed') return false
  return canonicalImage(pull.imageRef) === canonicalImage(image) || endedMs >= (news.failedAtMs ?? 0) - 5000
}

function plainAnswer({ name, image, init, standing }: ContainerStanding): ContainerAnswer {
  const state = standing.is === 'refused' ? (standing.backOff ? 'backOff' : 'failed') : standing.is
  return { name, image, init, state }
}

function standText(containers: readonly ContainerStanding[], warnings: readonly PodWarning[]): string {
  const of = (is: string) => containers.filter(({ standing, init }) => standing.is === is && !init)
  const unready = of('running')
  const because = warnings.find(
    ({ reason, container }) => reason === 'Unhealthy' && unready.some(({ name }) => name === container),
  )
  const why = because === undefined ? '' : `: Unhealthy: ${shortReason(because.message)}`
  const parts = [
    ...(of('ready').length > 0 ? [`${countOf(of('ready').length, 'container')} ready`] : []),
    ...(unready.length > 0 ? [`${listed(unready.map(nameOf))} running but not ready${why}`] : []),
    ...(of('done').length > 0 ? [`${countOf(of('done').length, 'container')} done`] : []),
  ]
  return `its images are here (${listed(parts)})`
}

const countOf = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
const nameOf = ({ name, init }: ContainerStanding) => `${init ? 'init container' : 'container'} ${harmless(name)}`
/** Sentences that begin and end as sentences do, whatever they quote at their ends. */
const paragraph = (sentences: readonly string[]) =>
  sentences.map(text => `${capital(text).replace(/[\s.]+$/, '')}.`).join(' ')
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
