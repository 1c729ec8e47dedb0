import type { SensorParts } from './parts.ts'
import type { RecordChecker } from './record-checker.ts'
import { type DropReason, dropReasons, type SensorStats } from './stats.ts'

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
