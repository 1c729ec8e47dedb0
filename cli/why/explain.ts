import type { Pull } from '../../core/contract/pull.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { type Answer, answerOf, type ContainerAnswer, plainAnswer } from './container-answer.ts'
import { kubeletNews, type PodWarning } from './kubelet-news.ts'
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

export interface Explanation {
  readonly waitsFor: WaitsFor
  /** One paragraph, safe to print. */
  readonly text: string
  readonly containers: readonly ContainerAnswer[]
}

/**
 * Whether pulls would say more than the API does. `perhaps`: events are kept for an hour, so that of a pull that takes
 * longer the API tells nothing. With `no` no server need be asked.
 */
export function pullsTellMore({ pod, events }: Omit<Facts, 'pulls'>): 'yes' | 'perhaps' | 'no' {
  if (podText(pod, []) !== undefined) return 'no'
  const blockers = blockersOf(standings(pod, kubeletNews(events))).map(({ standing }) => standing)
  if (blockers.some(({ is }) => is === 'pulling' || is === 'refused')) return 'yes'
  return blockers.some(standing => standing.is === 'preparing' && !standing.imageIsHere) ? 'perhaps' : 'no'
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
