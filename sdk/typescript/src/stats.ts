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
