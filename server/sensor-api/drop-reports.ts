import { Lru } from '../../core/lib/lru.ts'
import { DropReason, type DropReport } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'

export const dropReasons = [
  'unspecified',
  'buffer_overflow',
  'event_too_large',
  'send_failed',
  'closed_unsent',
  'serialize_failed',
] as const
export type DropReasonName = (typeof dropReasons)[number]

const maxReports = 100_000

/** Counts events that sensors had to discard, each report once: it is sent again when its answer was lost. */
export class DropReports {
  readonly #lost: (reason: DropReasonName, events: number) => void
  readonly #seen = new Lru<string, true>(maxReports)

  constructor(lost: (reason: DropReasonName, events: number) => void) {
    this.#lost = lost
  }

  count(reports: readonly DropReport[]): void {
    for (const { reportId, reason, count } of reports) {
      if (reportId !== '' && this.#seen.get(reportId)) continue
      if (reportId !== '' && reportId.length <= 64) this.#seen.set(reportId, true)
      this.#lost(dropReasons[reason === DropReason.UNRECOGNIZED ? 0 : reason] ?? 'unspecified', count)
    }
  }
}
