import {
  EventCode,
  type EventResult,
  EventStatus,
  type ReportEventsResponse,
} from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Appended } from '../../store/events-store.ts'
import { limitsToWire, type SensorLimits } from '../limits.ts'

/** Of an event that was handed to the store. */
export function storedResult(index: number, eventId: string, appended: Appended | 'failed'): EventResult {
  const { EVENT_STATUS_ACCEPTED, EVENT_STATUS_ERROR } = EventStatus
  switch (appended) {
    case 'stored':
      return resultOf(index, eventId, EVENT_STATUS_ACCEPTED, EventCode.EVENT_CODE_UNSPECIFIED)
    case 'duplicate':
      return resultOf(index, eventId, EVENT_STATUS_ACCEPTED, EventCode.EVENT_CODE_DUPLICATE)
    case 'unknown_rule':
      return resultOf(index, eventId, EVENT_STATUS_ACCEPTED, EventCode.EVENT_CODE_UNKNOWN_RULE)
    default:
      return resultOf(index, eventId, EVENT_STATUS_ERROR, EventCode.EVENT_CODE_STORAGE, 'not stored; send it again')
  }
}

export const resultOf = (
  index: number,
  eventId: string,
  status: EventStatus,
  code: EventCode,
  errorMessage = '',
): EventResult => ({ eventId, status, errorMessage, code, index })

/** Results in the order of the request. */
export function answerOf(
  results: readonly EventResult[],
  appended: readonly (Appended | 'failed')[],
  rejected: number,
  limits: SensorLimits,
): ReportEventsResponse {
  const failed = appended.filter(each => each === 'failed').length
  return {
    results: [...results].sort((a, b) => a.index - b.index),
    acceptedCount: appended.length - failed,
    rejectedCount: rejected + failed,
    duplicateCount: appended.filter(each => each === 'duplicate').length,
    retryAfter: undefined,
    limits: limitsToWire(limits),
  }
}
