import type { PodRef, Pull, Violation } from '../contract/pull.ts'
import type { ErrorCode, Phase } from '../contract/words.ts'
import { type Layers, layerCountOf, layersOf } from './layers.ts'
import type { RateWindow } from './rate.ts'

/**
 * All that is known of one pull. Immutable: a report makes a new one, so that an
 * event, a history record and the live view may share it.
 */
export interface PullState {
  readonly id: string
  readonly nodeName: string
  readonly imageRef: string
  readonly repository: string | undefined
  readonly digest: string | undefined
  readonly platform: string | undefined
  readonly phase: Phase
  /** By the clock of the node, as all times of a pull: durations use one clock. Epoch ms. */
  readonly startedAtMs: number
  readonly completedAtMs: number | undefined
  readonly phaseStartedAtMs: Readonly<Partial<Record<Phase, number>>>
  readonly totalKnown: boolean
  readonly totalBytes: number
  readonly downloadedBytes: number
  readonly cachedBytes: number
  readonly unpackedBytes: number
  /** Running maximum, 0 to 100; undefined while the total is not known. */
  readonly percent: number | undefined
  readonly bytesPerSec: number | undefined
  readonly restarts: number
  readonly stalledSinceMs: number | undefined
  readonly stale: boolean
  readonly error: string | undefined
  readonly errorCode: ErrorCode | undefined
  readonly source: 'agent' | 'kubelet'
  /** Time in the kubelet's queue; undefined where nobody told. Milliseconds. */
  readonly queuedMs: number | undefined
  /** Queued pulls that this one has taken the place of. */
  readonly replaces: readonly string[] | undefined
  readonly pods: readonly PodRef[]
  /** Rules that it breaks; undefined when none is known. */
  readonly violations: readonly Violation[] | undefined
  readonly layers: Layers
  /** What the rate is made from; not for readers. */
  readonly rate: RateWindow
}

const time = (ms: number) => new Date(ms).toISOString()

/** The pull as readers see it; `layers` only where asked for. Unknown values are absent. */
export function pullOf(state: PullState, options: { layers?: boolean } = {}): Pull {
  const phaseStartedAt: Record<string, string> = {}
  for (const [phase, ms] of Object.entries(state.phaseStartedAtMs)) phaseStartedAt[phase] = time(ms)
  const etaSeconds = etaSecondsOf(state)
  let layersDone = 0
  for (const layer of state.layers.states) if (layer === 'done' || layer === 'cached') layersDone++
  return {
    id: state.id,
    nodeName: state.nodeName,
    imageRef: state.imageRef,
    ...(state.digest !== undefined && { digest: state.digest }),
    phase: state.phase,
    phaseStartedAt,
    totalKnown: state.totalKnown,
    ...(state.totalKnown && { totalBytes: state.totalBytes }),
    downloadedBytes: state.downloadedBytes,
    cachedBytes: state.cachedBytes,
    unpackedBytes: state.unpackedBytes,
    ...(state.percent !== undefined && { percent: round(state.percent, 2) }),
    ...(state.bytesPerSec !== undefined && { bytesPerSec: Math.round(state.bytesPerSec) }),
    ...(etaSeconds !== undefined && { etaSeconds: round(etaSeconds, 1) }),
    layerCount: layerCountOf(state.layers),
    layersDone,
    restarts: state.restarts,
    startedAt: time(state.startedAtMs),
    ...(state.completedAtMs !== undefined && { completedAt: time(state.completedAtMs) }),
    ...(state.queuedMs !== undefined && { queuedMs: Math.round(state.queuedMs) }),
    ...(state.stalledSinceMs !== undefined && { stalledSince: time(state.stalledSinceMs) }),
    stale: state.stale,
    ...(state.error !== undefined && { error: state.error }),
    ...(state.errorCode !== undefined && { errorCode: state.errorCode }),
    source: state.source,
    ...(state.replaces !== undefined && { replaces: [...state.replaces] }),
    pods: [...state.pods],
    ...(state.violations !== undefined && { violations: [...state.violations] }),
    ...(options.layers && { layers: layersOf(state.layers) }),
  }
}

/** Until downloaded, at the rate of now. */
function etaSecondsOf(state: PullState): number | undefined {
  const { phase, totalKnown, totalBytes, downloadedBytes, bytesPerSec } = state
  if (phase !== 'downloading' || !totalKnown || !bytesPerSec) return undefined
  return Math.max(0, totalBytes - downloadedBytes) / bytesPerSec
}

/** Rounds down, so that 99.999 does not read as finished. */
function round(value: number, digits: number): number {
  const scale = 10 ** digits
  return Math.floor(value * scale) / scale
}
