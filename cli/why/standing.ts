import type { ImageNews, KubeletNews } from './kubelet-news.ts'
import type { ContainerView, PodView, StatusView } from './pod-view.ts'

/** Where one container stands, as the API alone tells it. */
export type Standing =
  | { readonly is: 'ready' | 'running' | 'done' }
  /** An init container that runs: others wait for it to end, or, a sidecar, to have started. */
  | { readonly is: 'working'; readonly sidecar: boolean }
  /** Its turn comes after another container's. */
  | { readonly is: 'behind' }
  /** The kubelet has asked for its image and has no answer yet. */
  | { readonly is: 'pulling'; readonly sinceMs: number }
  /** The kubelet could not get its image. */
  | { readonly is: 'refused'; readonly reason: string; readonly message: string; readonly backOff: boolean }
  /** Nothing is asked of a registry: volumes, network, the creation itself. */
  | { readonly is: 'preparing'; readonly imageIsHere: boolean }
  /** Waits, and images have nothing to do with it. */
  | { readonly is: 'trouble'; readonly reason: string; readonly message: string }

export interface ContainerStanding {
  readonly name: string
  readonly image: string
  readonly init: boolean
  readonly standing: Standing
  readonly news: ImageNews
}

const noNews: ImageNews = { failures: 0 }

/** Waiting reasons of the kubelet that are about an image (pkg/kubelet/images/types.go, v1.36). */
const imageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
])

/** Every container in the order in which the kubelet starts them. */
export function standings({ spec, status }: PodView, { images }: KubeletNews): ContainerStanding[] {
  const found: ContainerStanding[] = []
  // Init containers start one after the other; then the others, whose images are pulled one after the other too.
  let blocked = false
  const add = (containers: readonly ContainerView[], statuses: readonly StatusView[], init: boolean) => {
    for (const container of containers) {
      const own = statuses.find(({ name }) => name === container.name)
      const news = images.get(container.name) ?? noNews
      const standing = standingOf(own, news, init ? container : undefined, blocked)
      found.push({ name: container.name, image: container.image ?? '', init, standing, news })
      blocked ||= init ? !passed(container, own) : standing.is === 'pulling'
    }
  }
  add(spec?.initContainers ?? [], status?.initContainerStatuses ?? [], true)
  add(spec?.containers ?? [], status?.containerStatuses ?? [], false)
  return found
}

function passed({ restartPolicy }: ContainerView, status: StatusView | undefined): boolean {
  if (restartPolicy === 'Always') return status?.started === true
  return status?.state?.terminated?.exitCode === 0
}

/** `init`: the container, if it is one of those that start first. */
function standingOf(
  status: StatusView | undefined,
  news: ImageNews,
  init: ContainerView | undefined,
  blocked: boolean,
): Standing {
  const { waiting, running, terminated } = status?.state ?? {}
  if (running !== undefined && init !== undefined && !passed(init, status)) {
    return { is: 'working', sidecar: init.restartPolicy === 'Always' }
  }
  if (running !== undefined) return { is: status?.ready ? 'ready' : 'running' }
  if (terminated !== undefined) {
    const { exitCode = 0, reason = 'Error', message } = terminated
    if (exitCode === 0) return { is: 'done' }
    return { is: 'trouble', reason, message: message ?? `it ended with code ${exitCode}` }
  }
  const { reason = '', message = '' } = waiting ?? {}
  if (imageReasons.has(reason)) {
    // While it tries again the status still tells of the last time.
    if (isPulling(news)) return { is: 'pulling', sinceMs: news.pullingAtMs }
    return { is: 'refused', reason, message: message || news.failedText || '', backOff: reason === 'ImagePullBackOff' }
  }
  if (reason !== '' && reason !== 'ContainerCreating' && reason !== 'PodInitializing') {
    return { is: 'trouble', reason, message: message || lastExit(status) }
  }
  if (isPulling(news)) return { is: 'pulling', sinceMs: news.pullingAtMs }
  // The kubelet says in an event that the pull failed, and a second or two later in the status.
  if (hasFailed(news)) {
    return { is: 'refused', reason: 'ErrImagePull', message: news.failedText ?? '', backOff: false }
  }
  if (blocked) return { is: 'behind' }
  return { is: 'preparing', imageIsHere: news.pulledAtMs !== undefined }
}

function isPulling(news: ImageNews): news is ImageNews & { readonly pullingAtMs: number } {
  const { pullingAtMs, pulledAtMs = 0, failedAtMs = 0 } = news
  // Events have whole seconds: what came in the same second ended what began in it.
  return pullingAtMs !== undefined && pullingAtMs > pulledAtMs && pullingAtMs > failedAtMs
}

const hasFailed = ({ pulledAtMs = 0, failedAtMs = 0 }: ImageNews) => failedAtMs > pulledAtMs

function lastExit(status: StatusView | undefined): string {
  const { exitCode, reason } = status?.lastState?.terminated ?? {}
  return exitCode === undefined ? '' : `it last ended with code ${exitCode}${reason ? ` (${reason})` : ''}`
}
