import type { TerminalPhase } from '../contract/words.ts'
import { podRefOf } from './claims.ts'
import type { Reason } from './kubelet-reason.ts'
import { noLayers } from './layers.ts'
import type { PullState } from './pull.ts'
import { firstRate, lastByteAtMsOf } from './rate.ts'
import type { Attempt, WaitingContainer } from './waiting.ts'

/** The same for every server that ever sees the event. */
export const queuedId = (
  { podUid, container }: Pick<WaitingContainer, 'podUid' | 'container'>,
  { startedAtMs }: Pick<Attempt, 'startedAtMs'>,
): string => `q-${podUid}-${container}-${Math.floor(startedAtMs / 1000)}`

/** A pull that only the kubelet knows of: it has said that it pulls, and the runtime shows nothing yet. */
export function queuedPull(nodeName: string, container: WaitingContainer, attempt: Attempt): PullState {
  const { startedAtMs } = attempt
  return {
    id: queuedId(container, attempt),
    nodeName,
    imageRef: container.image.name,
    repository: undefined,
    digest: container.image.digest,
    platform: undefined,
    phase: 'queued',
    startedAtMs,
    completedAtMs: undefined,
    phaseStartedAtMs: { queued: startedAtMs },
    totalKnown: false,
    totalBytes: 0,
    downloadedBytes: 0,
    cachedBytes: 0,
    unpackedBytes: 0,
    percent: undefined,
    bytesPerSec: undefined,
    restarts: 0,
    stalledSinceMs: undefined,
    stale: false,
    error: undefined,
    errorCode: undefined,
    source: 'kubelet',
    queuedMs: undefined,
    replaces: undefined,
    pods: [podRefOf(container, true)],
    violations: undefined,
    layers: noLayers,
    rate: firstRate(startedAtMs),
  }
}

export const cancelled: Reason = {
  code: 'Cancelled',
  message: 'the pod was deleted before its image was pulled',
  general: false,
}

export const untold: Reason = {
  code: 'Unknown',
  message: 'the kubelet did not say how the pull ended',
  general: true,
}

/** An end is never before its start. */
export function endQueued(
  pull: PullState,
  phase: TerminalPhase,
  atMs: number,
  { reason, queuedMs }: { readonly reason?: Reason | undefined; readonly queuedMs?: number | undefined },
): PullState {
  const completedAtMs = Math.max(atMs, pull.startedAtMs)
  return {
    ...pull,
    phase,
    completedAtMs,
    phaseStartedAtMs: { ...pull.phaseStartedAtMs, [phase]: completedAtMs },
    error: reason?.message,
    errorCode: reason?.code,
    queuedMs,
  }
}

/** A cancelled download that had brought nothing for this long was given up for that. Milliseconds. */
const silentAfterMs = 60_000

export const isSpecific = ({ errorCode }: PullState) => errorCode !== undefined && errorCode !== 'Unknown'

/**
 * An end with the kubelet's reason. `heard`: an earlier one was taken already. The same object when it adds nothing: what
 * is specific stays. An end that nobody knew was a failure after all.
 */
export function withReason(pull: PullState, reason: Reason, heard: boolean): PullState {
  if (isSpecific(pull) || (heard && reason.code === 'Unknown') || (reason.general && reason.code === 'Unknown'))
    return pull
  const failedAtMs = pull.completedAtMs ?? pull.startedAtMs
  const { unknown: _, ...times } = pull.phaseStartedAtMs
  const silent =
    failedAtMs - lastByteAtMsOf(pull.rate) >= silentAfterMs && pull.phaseStartedAtMs.downloading !== undefined
  return {
    ...pull,
    phase: 'failed',
    phaseStartedAtMs: { ...times, failed: failedAtMs },
    error: reason.message,
    // containerd gives up a pull without progress by cancelling it, and says no more than that.
    errorCode: reason.code === 'Cancelled' && silent ? 'ProgressTimeout' : reason.code,
  }
}
