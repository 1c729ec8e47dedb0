import type { SensorParts } from './parts.ts'
import type { RecordChecker } from './record-checker.ts'

/** What a sensor has done since it was opened. Counts, except where a unit is in the name. */
export interface SensorStats {
  /** Records checked. */
  readonly checks: number
  /** Rules in force. */
  readonly rules: number
  /** Of the last answer: rules that this sensor cannot use. */
  readonly invalidRules: number
  readonly syncs: { readonly full: number; readonly unchanged: number; readonly failed: number }
  readonly events: {
    /** Put into the buffer. */
    readonly recorded: number
    readonly sent: number
    readonly accepted: number
    readonly duplicates: number
    readonly rejected: number
    /** Lost, by the reason. */
    readonly dropped: Readonly<Record<DropReason, number>>
    /** In the buffer, unsent. */
    readonly buffered: number
    readonly bufferedBytes: number
    /** Recorded without the record, because it is not JSON (a cycle, say) or too large. */
    readonly withoutRecord: number
  }
  /** Rules that failed inside the evaluator: a fault of this package, and such a rule counts as not matching. */
  readonly evaluatorErrors: number
}

export const dropReasons = ['bufferOverflow', 'eventTooLarge', 'closedUnsent'] as const
export type DropReason = (typeof dropReasons)[number]

export function statsOf(parts: SensorParts, { checks, evaluatorErrors }: RecordChecker): SensorStats {
  const { rules, syncer, recorder, buffer, sent } = parts
  const lost = Object.fromEntries(dropReasons.map(reason => [reason, recorder.lost[reason] ?? 0]))
  return {
    checks,
    rules: rules.state === 'READY' || rules.state === 'STALE' ? (rules.held?.rules ?? 0) : 0,
    invalidRules: rules.held?.faults.length ?? 0,
    syncs: { ...syncer.counts },
    events: {
      recorded: recorder.recorded,
      ...sent,
      dropped: lost as Record<DropReason, number>,
      buffered: buffer.events,
      bufferedBytes: buffer.bytes,
      withoutRecord: recorder.withoutRecord,
    },
    evaluatorErrors,
  }
}
