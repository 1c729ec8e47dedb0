import type { ReportedPull } from '../contract/agent-report.ts'
import { isTerminal, type Phase, unresolvedImage } from '../contract/words.ts'
import { kept } from './kept.ts'
import { completedLayers, keptLayers, type Layers, newBytesOf, noLayers, sumsOf } from './layers.ts'
import type { PullState } from './pull.ts'
import {
  advanceRate,
  bytesPerSecOf,
  fetchedBytesOf,
  firstRate,
  lastByteAtMsOf,
  type RateWindow,
  stallAfterMs,
} from './rate.ts'

export interface Look {
  readonly nodeName: string
  /** When the agent looked, by its clock. Epoch ms. */
  readonly atMs: number
  /** How often this node looks; stretches what counts as a stall. Milliseconds. */
  readonly intervalMs: number
}

/** A pull's next state from its last one and what the agent says now. Percent, phase and totals never go back. */
export function advance(before: PullState | undefined, reported: ReportedPull, look: Look): PullState {
  const phase = nextPhase(before, reported.phase)
  const ended = isTerminal(phase)
  const keepsLayers =
    before !== undefined && (reported.layers.length === 0 || (before.totalKnown && !reported.totalKnown))
  const seen = keepsLayers ? before.layers : keptLayers(before?.layers ?? noLayers, reported.layers)
  const totalKnown = reported.totalKnown || (before?.totalKnown ?? false)
  // A lazy pull is complete without its bytes.
  const whole = phase === 'completed' && totalKnown && before?.phase !== 'lazy'
  const layers = whole ? completedLayers(seen) : seen
  const sums = sumsOf(layers)
  const startedAtMs = before?.startedAtMs ?? Date.parse(reported.startedAt)
  const completedAtMs = ended ? endOf(reported, startedAtMs, look.atMs) : undefined
  const rate = rateOf(before, layers, look.atMs)
  const phaseStartedAtMs = phaseTimes(before, phase, startedAtMs, completedAtMs ?? look.atMs)
  const bytesPerSec = ended
    ? averageOf(sums, rate, phase, startedAtMs, phaseStartedAtMs.unpacking ?? completedAtMs!)
    : phase === 'downloading'
      ? bytesPerSecOf(rate)
      : undefined
  const { error, errorCode } = reasonOf(before, reported)
  // Field by field, with the strings that are there already: this runs for every pull of every report.
  return {
    id: before?.id ?? reported.id,
    nodeName: look.nodeName,
    imageRef: keptName(before?.imageRef, reported.imageRef),
    repository: kept(before?.repository, reported.repository ?? before?.repository),
    digest: kept(before?.digest, reported.digest ?? before?.digest),
    platform: before?.platform ?? reported.platform,
    phase,
    startedAtMs,
    completedAtMs,
    phaseStartedAtMs,
    totalKnown,
    totalBytes: sums.totalBytes,
    downloadedBytes: sums.downloadedBytes,
    cachedBytes: sums.cachedBytes,
    unpackedBytes: sums.unpackedBytes,
    percent: percentOf(before?.percent, totalKnown, sums),
    bytesPerSec,
    // Without its layers nobody says whether bytes come.
    stalledSinceMs: reported.layers.length === 0 ? undefined : stallOf(phase, rate, look),
    restarts: sums.restarts,
    stale: false,
    error,
    errorCode,
    source: 'agent',
    queuedMs: before?.queuedMs,
    replaces: before?.replaces,
    pods: before?.pods ?? noPods,
    violations: before?.violations,
    layers,
    rate,
  }
}

/** Whether a reader would see a difference. Layers compare by identity: `keptLayers` keeps what is equal. */
export function differs(before: PullState, after: PullState): boolean {
  return (
    before.layers !== after.layers ||
    before.phase !== after.phase ||
    before.downloadedBytes !== after.downloadedBytes ||
    before.bytesPerSec !== after.bytesPerSec ||
    before.stalledSinceMs !== after.stalledSinceMs ||
    before.stale !== after.stale ||
    before.imageRef !== after.imageRef ||
    before.digest !== after.digest ||
    before.totalKnown !== after.totalKnown ||
    before.percent !== after.percent ||
    before.error !== after.error ||
    before.errorCode !== after.errorCode ||
    before.pods !== after.pods
  )
}

const noPods: PullState['pods'] = []
const noReason = { error: undefined, errorCode: undefined }

/** A tag that pods have told is not lost to the digest that the agent goes on to say. */
function keptName(before: string | undefined, now: string): string {
  // The old copy when they are equal: a report's own would keep its memory.
  if (before === undefined || before === now) return before ?? now
  return hasTag(before) && !hasTag(now) ? before : now
}

const hasTag = (imageRef: string) => imageRef !== unresolvedImage && !imageRef.includes('@')

const rank: Record<Phase, number> = {
  queued: 0,
  resolving: 1,
  downloading: 2,
  lazy: 2,
  unpacking: 3,
  completed: 4,
  failed: 4,
  unknown: 4,
}

/** An agent that was restarted may see less than the one before it. Only an end that was not known opens again. */
function nextPhase(before: PullState | undefined, reported: Phase): Phase {
  if (before === undefined || before.phase === 'unknown') return reported
  return rank[reported] < rank[before.phase] ? before.phase : reported
}

/** An end before its own start (the clock was set) would make a negative duration. */
function endOf(reported: ReportedPull, startedAtMs: number, atMs: number): number {
  return Math.max(startedAtMs, reported.completedAt ? Date.parse(reported.completedAt) : atMs)
}

function rateOf(before: PullState | undefined, layers: Layers, atMs: number): RateWindow {
  return before === undefined ? firstRate(atMs) : advanceRate(before.rate, atMs, newBytesOf(before.layers, layers))
}

function phaseTimes(before: PullState | undefined, phase: Phase, startedAtMs: number, atMs: number) {
  if (before?.phase === phase) return before.phaseStartedAtMs
  const first = before === undefined && phase === 'resolving' ? startedAtMs : atMs
  // A pull that goes on after all never was unknown.
  const { unknown: _, ...times }: PullState['phaseStartedAtMs'] = before?.phaseStartedAtMs ?? {}
  return { ...times, [phase]: phase === 'unknown' ? first : (times[phase] ?? first) }
}

/** Once ended: what came over the network, by the time from the start to the end of the download. */
function averageOf(
  sums: { readonly totalBytes: number; readonly cachedBytes: number },
  rate: RateWindow,
  phase: Phase,
  startedAtMs: number,
  downloadEndMs: number,
): number | undefined {
  const bytes = phase === 'completed' ? sums.totalBytes - sums.cachedBytes : fetchedBytesOf(rate)
  const tookMs = downloadEndMs - startedAtMs
  return bytes > 0 && tookMs > 0 ? (bytes * 1000) / tookMs : undefined
}

function percentOf(
  before: number | undefined,
  totalKnown: boolean,
  { downloadedBytes, totalBytes }: { readonly downloadedBytes: number; readonly totalBytes: number },
): number | undefined {
  if (!totalKnown) return before
  // A layer whose size is not known may hold more than its total says.
  const now = downloadedBytes >= totalBytes ? 100 : (100 * downloadedBytes) / totalBytes
  return Math.max(before ?? 0, now)
}

function stallOf(phase: Phase, rate: RateWindow, { atMs, intervalMs }: Look): number | undefined {
  if (phase !== 'downloading') return undefined
  const lastByteAtMs = lastByteAtMsOf(rate)
  return atMs - lastByteAtMs >= Math.max(stallAfterMs, 3 * intervalMs) ? lastByteAtMs : undefined
}

/** A specific reason is never overwritten by a general one; why an end was not known is no reason once it goes on. */
function reasonOf(
  before: PullState | undefined,
  { error, phase }: ReportedPull,
): Pick<PullState, 'error' | 'errorCode'> {
  if (phase === 'completed') return noReason
  if (before !== undefined && isSpecific(before.errorCode) && !isSpecific(error?.code)) return before
  if (error) return { error: error.message, errorCode: error.code }
  return before === undefined || before.phase === 'unknown' ? noReason : before
}

const isSpecific = (code: PullState['errorCode']) => code !== undefined && code !== 'Unknown'
