import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { Action } from '../../../core/rules/rule.ts'
import {
  EventCode,
  type EventResult,
  EventStatus,
  type ReportEventsRequest,
  ReportEventsResponse,
} from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Appended, EventBatch, EventsStore } from '../../store/events-store.ts'
import { sensorIdOf, tagsOf } from '../caller.ts'
import type { DropReports } from '../drop-reports.ts'
import type { CallContext } from '../grpc/call-context.ts'
import type { Work } from '../grpc/unary.ts'
import type { SensorLimits } from '../limits.ts'
import { msOf } from '../timestamp.ts'
import { checkEvent } from './check-event.ts'
import type { ClockDrift } from './clock-drift.ts'
import { metadataFault, systemPairs, withoutServerKeys } from './metadata.ts'
import { answerOf, resultOf, storedResult } from './results.ts'
import { splitRequest } from './split-request.ts'

export interface EventCounts {
  received(action: Action, events: number, bytes: number): void
  duplicates(events: number): void
  rejected(code: EventCode): void
  otherUuidVersion(): void
  reported(seconds: number, bytes: number): void
}

export interface ReportEventsParts {
  readonly store: Pick<EventsStore, 'append'>
  readonly limits: SensorLimits
  readonly version: string
  readonly drops: DropReports
  readonly drift: ClockDrift
  readonly counts: EventCounts
  readonly clock: Clock
  readonly log: Logger
}

type ValidEvent = EventBatch['events'][number]

/** Stores what is good, tells of each event that is not, and answers once it is on disk. */
export function reportEvents(parts: ReportEventsParts): Work {
  const { store, limits, drops, drift, counts, clock, log } = parts
  return async (body, context) => {
    const startedMs = clock.monotonic()
    const { events, shared } = splitRequest(body, limits.maxEventsPerRequest)
    const nowMs = clock.now()
    const batch = batchOf(shared, context, nowMs, parts)
    const sentMs = shared.clientTimestamp && msOf(shared.clientTimestamp)
    if (sentMs !== undefined) drift.note(batch.sensorId, sentMs, nowMs)

    const results: EventResult[] = []
    const valid: ValidEvent[] = []
    /** Of each valid event, its place in the request, and its id as it came. */
    const places: { readonly index: number; readonly id: string }[] = []
    const received = new Received()
    let strippedPairs = 0
    for (const [index, bytes] of events.entries()) {
      const checked = checkEvent(bytes, limits.maxEventBytes, nowMs)
      if ('rejected' in checked) {
        const { code, message } = checked.rejected
        counts.rejected(code)
        results.push(resultOf(index, checked.id, EventStatus.EVENT_STATUS_REJECTED, code, message))
        continue
      }
      received.add(checked.ok.action, bytes.byteLength)
      if (checked.otherUuidVersion) counts.otherUuidVersion()
      strippedPairs += checked.strippedPairs
      valid.push(checked.ok)
      places.push({ index, id: checked.id })
    }
    received.tell(counts)
    if (strippedPairs > 0) {
      log.warn('reserved metadata left out', { requestId: context.requestId, sensorId: batch.sensorId, strippedPairs })
    }
    const appended = valid.length === 0 ? [] : await append({ ...batch, events: valid })
    for (const [i, { index, id }] of places.entries()) {
      const result = storedResult(index, id, appended[i]!)
      if (result.status === EventStatus.EVENT_STATUS_ERROR) counts.rejected(result.code)
      const plain = result.code === EventCode.EVENT_CODE_UNSPECIFIED
      if (!plain || !shared.compactResults) results.push(result)
    }
    drops.count(shared.dropReports)
    const answer = answerOf(results, appended, events.length - valid.length, limits)
    counts.duplicates(answer.duplicateCount)
    counts.reported((clock.monotonic() - startedMs) / 1000, body.byteLength)
    return { body: ReportEventsResponse.encode(answer).finish() }

    /** What the store refuses for a reason that may pass is the call's failure; its bugs are the events'. */
    async function append(full: EventBatch): Promise<readonly (Appended | 'failed')[]> {
      try {
        return await store.append(full)
      } catch (reason) {
        const error = PulltraceError.from(reason)
        if (error.code === Code.Exhausted) throw retryAfter(error, 60)
        if (error.code === Code.Unavailable) throw retryAfter(error, 1)
        log.error('events not stored', { requestId: context.requestId, error })
        return full.events.map(() => 'failed')
      }
    }
  }
}

/** Added up for a request, as a metric costs more than a sum. */
class Received {
  readonly #byAction = new Map<Action, { events: number; bytes: number }>()

  add(action: Action, bytes: number): void {
    const sum = this.#byAction.get(action)
    if (sum === undefined) this.#byAction.set(action, { events: 1, bytes })
    else {
      sum.events++
      sum.bytes += bytes
    }
  }

  tell(counts: EventCounts): void {
    for (const [action, { events, bytes }] of this.#byAction) counts.received(action, events, bytes)
  }
}

const retryAfter = (error: PulltraceError, seconds: number) =>
  new PulltraceError(error.code, error.publicMessage, {
    retryAfterSeconds: error.details.retryAfterSeconds ?? seconds,
    cause: error,
  })

/** What all events of the request share. @throws Code.Invalid */
function batchOf(
  shared: ReportEventsRequest,
  { key, address }: CallContext,
  nowMs: number,
  { version }: ReportEventsParts,
): Omit<EventBatch, 'events'> {
  const sensorId = sensorIdOf(shared.sensorId)
  const tags = tagsOf(shared.tags)
  const fault = metadataFault(shared.metadata)
  if (fault !== undefined) throw new PulltraceError(Code.Invalid, fault)
  const { sdk } = shared
  return {
    sensorId,
    apiKeyId: key.id,
    tags,
    metadata: {
      ...withoutServerKeys(shared.metadata).kept,
      ...systemPairs({ ...(sdk && { api_type: sdk.apiType, api_version: sdk.version }), ...shared.systemMetadata }),
      '$tk.client_ip': address,
      '$tk.server_received_at': new Date(nowMs).toISOString(),
      '$tk.server_version': version,
    },
  }
}
