import { parseImageRef } from '../../../core/pulls/image-ref.ts'
import { layerCountOf } from '../../../core/pulls/layers.ts'
import type { PullState } from '../../../core/pulls/pull.ts'

/** A pull as rules see it. What is not known is undefined, which for a rule is missing. */
export interface PullRecord {
  /** Host of the registry, without its port: the runtime does not keep that. */
  readonly registry: string | undefined
  /** Host and path: `registry.example.com/team/app`. */
  readonly repository: string | undefined
  readonly tag: string | undefined
  readonly digest: string | undefined
  /** Asked for by digest. Undefined until it is known: a pull that runs may yet turn out to have a tag. */
  readonly pinned: boolean | undefined
  /** The reference as the pull shows it. */
  readonly image: string
  readonly node: string
  readonly phase: PullState['phase']
  /** Compressed size of the distinct layers. */
  readonly bytes: number | undefined
  readonly layers: number | undefined
  readonly cached_bytes: number | undefined
  /** 0 to 1. */
  readonly cached_share: number | undefined
  readonly downloaded_bytes: number
  readonly bytes_per_second: number | undefined
  readonly durations: Durations
  readonly error_code: string | undefined
  readonly error: string | undefined
  readonly pods: readonly PullPod[] | undefined
  /** Of these pods, each once. */
  readonly namespaces: readonly string[] | undefined
}

/** Seconds, of phases that are over; `total` is from the start to this check. By the clock of the node. */
export interface Durations {
  readonly queued: number | undefined
  readonly resolving: number | undefined
  readonly downloading: number | undefined
  readonly unpacking: number | undefined
  readonly total: number | undefined
}

export interface PullPod {
  readonly namespace: string
  readonly name: string
  readonly container: string
  readonly workload: string | undefined
  /** False when several pulls could be the one this pod waits for. */
  readonly certain: boolean
}

export function recordOf(pull: PullState): PullRecord {
  const { totalKnown, totalBytes, cachedBytes } = pull
  const named = parseImageRef(pull.imageRef)
  return {
    registry: named && hostOf(named.repository),
    repository: named?.repository,
    tag: named?.tag,
    digest: pull.digest ?? named?.digest,
    pinned: named && isPinned(pull, named.tag),
    image: pull.imageRef,
    node: pull.nodeName,
    phase: pull.phase,
    bytes: totalKnown ? totalBytes : undefined,
    layers: totalKnown ? layerCountOf(pull.layers) : undefined,
    cached_bytes: totalKnown ? cachedBytes : undefined,
    cached_share: totalKnown && totalBytes > 0 ? cachedBytes / totalBytes : undefined,
    downloaded_bytes: pull.downloadedBytes,
    bytes_per_second: pull.bytesPerSec === undefined ? undefined : Math.round(pull.bytesPerSec),
    durations: durationsOf(pull),
    error_code: pull.errorCode,
    error: pull.error,
    pods: pull.pods.length === 0 ? undefined : pull.pods.map(podOf),
    namespaces: pull.pods.length === 0 ? undefined : [...new Set(pull.pods.map(({ namespace }) => namespace))],
  }
}

const hostOf = (repository: string) => repository.slice(0, repository.indexOf('/'))

/** A tag says no at once. A digest alone says yes only where a tag would have been told: by the pod, or by the image's record. */
function isPinned({ phase }: PullState, tag: string | undefined): boolean | undefined {
  if (tag !== undefined) return false
  return phase === 'queued' || phase === 'completed' ? true : undefined
}

const podOf = ({ namespace, podName, container, workload, certain }: PullState['pods'][number]): PullPod => ({
  namespace,
  name: podName,
  container,
  workload,
  certain,
})

function durationsOf({ phase, queuedMs, startedAtMs, completedAtMs, phaseStartedAtMs: at }: PullState): Durations {
  const nowMs = completedAtMs ?? at[phase]
  const downloadingMs = at.downloading ?? at.lazy
  return {
    queued: seconds(0, queuedMs),
    resolving: seconds(at.resolving, downloadingMs ?? at.unpacking ?? completedAtMs),
    downloading: seconds(downloadingMs, at.unpacking ?? completedAtMs),
    unpacking: seconds(at.unpacking, completedAtMs),
    total: seconds(startedAtMs, nowMs),
  }
}

/** A node's clock may be set back between two of its looks. */
const seconds = (fromMs: number | undefined, toMs: number | undefined) =>
  fromMs === undefined || toMs === undefined ? undefined : Math.max(0, toMs - fromMs) / 1000
