import type { PullError } from '../core/contract/agent-report.ts'
import type { TerminalPhase } from '../core/contract/words.ts'
import type { GoneLease, ImageRecord } from './source.ts'

export interface Ending {
  readonly phase: TerminalPhase
  readonly endedMs: number
  readonly error: PullError | null
}

const failed = (endedMs: number, message: string): Ending => ({
  phase: 'failed',
  endedMs,
  // What went wrong is told to the caller of the pull alone; the kubelet's event names it.
  error: { code: 'Unknown', message },
})

/** Records that were written after the pull began. Older ones are from an earlier pull. */
export const freshRecords = ({ createdMs, evidence }: GoneLease): readonly ImageRecord[] =>
  evidence.records.filter(({ updatedMs }) => updatedMs >= createdMs)

/**
 * How a pull ended, by what it left. Success is never taken from absence: it needs a record written, or
 * the last snapshot committed, while the pull went on. `unpacking`: it had begun to, by an earlier look;
 * `atMs`: the time of the look that missed the pull.
 */
export function endingOf(gone: GoneLease, record: ImageRecord | undefined, unpacking: boolean, atMs: number): Ending {
  const { createdMs, evidence, image, because } = gone
  const records = freshRecords(gone)
  if (records.length > 0) {
    const endedMs = record?.updatedMs ?? Math.min(...records.map(({ updatedMs }) => updatedMs))
    return { phase: 'completed', endedMs, error: null }
  }
  const { topSnapshotMs, contentComplete } = evidence
  if (topSnapshotMs !== undefined && topSnapshotMs >= createdMs) {
    return { phase: 'completed', endedMs: topSnapshotMs, error: null }
  }
  const restarted = because === 'restarted' ? 'containerd was restarted: ' : ''
  if (image && contentComplete !== true) {
    return failed(atMs, `${restarted}the pull ended before all of its content was there`)
  }
  // Its last snapshot would be there if unpacking had ended, and a record if the pull had.
  if (unpacking && topSnapshotMs === undefined) return failed(atMs, `${restarted}the pull ended while it unpacked`)
  return { phase: 'unknown', endedMs: atMs, error: null }
}
