import { type KnownLayer, layersFrom, layersOf } from '../../../core/pulls/layers.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { fetchedBytesOf, lastByteAtMsOf, resumedRate } from '../../../core/pulls/rate.ts'
import { registryOf } from '../registry.ts'

/** A pull as the database takes it. Made on the server's thread: the body crosses to the worker as one text. */
export interface PullRow {
  readonly id: string
  readonly imageRef: string
  readonly node: string
  readonly registry: string
  readonly phase: string
  readonly errorCode: string | null
  readonly endedMs: number
  readonly keptMs: number
  readonly durationMs: number
  readonly downloadedBytes: number
  readonly cachedBytes: number
  /** Distinct [namespace, name]. */
  readonly pods: readonly (readonly [string, string])[]
  readonly body: string
}

export function rowOf(pull: PullState, keptMs: number): PullRow {
  const endedMs = integer(pull.completedAtMs ?? pull.startedAtMs)
  const pods = new Map(
    pull.pods.map(({ namespace, podName }) => [JSON.stringify([namespace, podName]), [namespace, podName] as const]),
  )
  return {
    id: pull.id,
    imageRef: pull.imageRef,
    node: pull.nodeName,
    registry: registryOf(pull.repository ?? pull.imageRef),
    phase: pull.phase,
    errorCode: pull.errorCode ?? null,
    endedMs,
    keptMs: integer(keptMs),
    durationMs: Math.max(0, endedMs - integer(pull.startedAtMs)),
    downloadedBytes: integer(pull.downloadedBytes),
    cachedBytes: integer(pull.cachedBytes),
    pods: [...pods.values()],
    body: bodyOf(pull),
  }
}

type MayBeUnknown = { [K in keyof PullState]: undefined extends PullState[K] ? K : never }[keyof PullState]

/** JSON leaves out what is not known; a PullState says so. */
const unknowns: Readonly<Record<MayBeUnknown, undefined>> = {
  repository: undefined,
  digest: undefined,
  platform: undefined,
  completedAtMs: undefined,
  percent: undefined,
  bytesPerSec: undefined,
  stalledSinceMs: undefined,
  error: undefined,
  errorCode: undefined,
  queuedMs: undefined,
  replaces: undefined,
  violations: undefined,
}

/** A pull as it is stored: a layer at a time, and of its rate what a pull that goes on after all must not lose. */
interface Body extends Omit<PullState, 'layers' | 'rate'> {
  readonly layers: readonly KnownLayer[]
  readonly rate: { readonly fetchedBytes: number; readonly lastByteAtMs: number }
}

function bodyOf(pull: PullState): string {
  const { layers, rate } = pull
  const kept = { fetchedBytes: fetchedBytesOf(rate), lastByteAtMs: lastByteAtMsOf(rate) }
  return JSON.stringify({ ...pull, layers: layersOf(layers), rate: kept } satisfies Body)
}

export function pullOfBody(text: string): PullState {
  const { layers, rate, ...pull } = JSON.parse(text) as Body
  return {
    ...unknowns,
    ...pull,
    layers: layersFrom(layers),
    rate: resumedRate(rate.lastByteAtMs, rate.fetchedBytes),
  }
}

/** SQLite would keep a fraction or a sum above 2^53 as something that cannot be read back as a number. */
function integer(value: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.round(value)))
}
