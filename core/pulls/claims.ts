import type { PodRef } from '../contract/pull.ts'
import { unresolvedImage } from '../contract/words.ts'
import { parseImageRef } from './image-ref.ts'
import type { PullState } from './pull.ts'
import { type Attempt, attemptOf, type NodeWaits, type WaitingContainer } from './waiting.ts'

/** Pods of one pull beyond this are not listed: no kubelet runs as many. */
const maxPods = 512

/**
 * The pulls of one node with the containers that wait for them, and with the tag that these name. The same objects
 * where nothing is new. A container stays on a pull once it was certain; a tag is said only on evidence.
 */
export function claimed(pulls: readonly PullState[], { containers, everyNamespace }: NodeWaits): PullState[] {
  const cases = containers.filter(container => !container.deleted).map(container => caseOf(container, pulls))
  return pulls.map(pull => {
    const mine = cases.filter(({ fits }) => fits.includes(pull))
    const imageRef = (everyNamespace && tagOf(pull, mine)) || pull.imageRef
    const pods = podsOf(pull, mine, containers, everyNamespace)
    return imageRef === pull.imageRef && pods === pull.pods ? pull : { ...pull, imageRef, pods }
  })
}

/** Whether the attempt is what made this pull. Events are cut to the second, by the same clock as the lease's. */
export function madeBy(pull: PullState, attempt: Attempt | undefined): boolean {
  if (attempt === undefined || attempt.startedAtMs > pull.startedAtMs) return false
  return attempt.endedAtMs === undefined || pull.startedAtMs < attempt.endedAtMs + 1000
}

/** One container, and the pulls it may wait for. */
interface Case {
  readonly container: WaitingContainer
  readonly fits: readonly PullState[]
  /** The pulls are of this very image, not only of its repository. */
  readonly exact: boolean
  /** Its newest attempt is what made them. */
  readonly made: boolean
  readonly untold: boolean
}

function caseOf(container: WaitingContainer, pulls: readonly PullState[]): Case {
  const attempt = attemptOf(container.facts)
  const untold = attempt === undefined
  const timely = pulls.filter(pull => container.waiting || madeBy(pull, attempt) || joined(pull, attempt))
  const named = timely.filter(pull => isExact(pull, container))
  if (named.length > 0) {
    const made = named.filter(pull => madeBy(pull, attempt))
    return { container, fits: made.length > 0 ? made : named, exact: true, made: made.length > 0, untold }
  }
  const like = timely.filter(pull => isOfRepository(pull, container))
  const made = like.filter(pull => madeBy(pull, attempt))
  if (made.length > 0) return { container, fits: made, exact: false, made: true, untold }
  // One that tried and does not try now has not made the pull; one of which nothing was heard may have.
  if (like.length > 0) return { container, fits: untold ? like : [], exact: false, made: false, untold }
  const blank = pulls.filter(pull => pull.imageRef === unresolvedImage && madeBy(pull, attempt))
  return { container, fits: blank, exact: false, made: true, untold }
}

const joined = ({ startedAtMs, completedAtMs = Infinity }: PullState, attempt: Attempt | undefined) =>
  attempt !== undefined && attempt.startedAtMs >= startedAtMs && attempt.startedAtMs <= completedAtMs

export const isExact = (pull: PullState, { image }: WaitingContainer): boolean =>
  pull.imageRef === image.name ||
  (image.digest !== undefined && image.digest === pull.digest && repositoryOf(pull) === image.repository)

const isOfRepository = (pull: PullState, { image }: WaitingContainer) =>
  image.tag !== undefined && pull.imageRef.includes('@') && repositoryOf(pull) === image.repository

const repositoryOf = ({ imageRef }: PullState) => parseImageRef(imageRef)?.repository

/** The one tag that can be meant: of containers whose attempt made the pull, with nobody unheard who means another. */
function tagOf(pull: PullState, mine: readonly Case[]): string | undefined {
  const made = mine.filter(({ exact, made }) => !exact && made)
  const names = new Set(made.map(({ container }) => container.image.name))
  if (names.size !== 1 || pull.imageRef === unresolvedImage) return undefined
  const [name] = names
  if (mine.some(({ made, untold, container }) => !made && untold && container.image.name !== name)) return undefined
  // Two pulls of one image share the tag; two images do not.
  const one = made.every(({ fits }) => fits.every(({ digest }) => digest === pull.digest))
  return one ? name : undefined
}

function podsOf(
  pull: PullState,
  mine: readonly Case[],
  containers: readonly WaitingContainer[],
  everyNamespace: boolean,
): readonly PodRef[] {
  const tag = everyNamespace ? tagOf(pull, mine) : undefined
  const pods = new Map<string, PodRef>()
  for (const { container, fits, exact } of mine) {
    const certain = fits.length === 1 && (exact || container.image.name === tag)
    pods.set(nameOf(container), podRefOf(container, certain))
  }
  const known = new Set(containers.filter(({ deleted }) => !deleted).map(nameOf))
  for (const pod of pull.pods) {
    const name = nameOf(pod)
    const now = pods.get(name)
    if (now === undefined ? pod.certain || !known.has(name) : pod.certain && !now.certain) pods.set(name, pod)
  }
  const list = [...pods.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pod]) => pod)
  return samePods(list, pull.pods) ? pull.pods : list.slice(0, maxPods)
}

export const nameOf = ({ namespace, podName, container }: Pick<PodRef, 'namespace' | 'podName' | 'container'>) =>
  `${namespace}/${podName}/${container}`

export const podRefOf = ({ namespace, podName, container, workload }: WaitingContainer, certain: boolean): PodRef => ({
  namespace,
  podName,
  container,
  ...(workload !== undefined && { workload }),
  certain,
})

const samePods = (a: readonly PodRef[], b: readonly PodRef[]) =>
  a.length === b.length &&
  a.every((pod, index) => {
    const other = b[index]!
    return nameOf(pod) === nameOf(other) && pod.certain === other.certain && pod.workload === other.workload
  })
