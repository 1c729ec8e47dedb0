import { isUtf8 } from 'node:buffer'
import { seenOf } from '../../../core/lib/seen.ts'
import { Event, EventCode } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { SensorEvent } from '../../store/events-store.ts'
import { uuidOf } from '../caller.ts'
import { msOf } from '../timestamp.ts'
import { actionOf, matchKindOf, pathOf } from './from-wire.ts'
import { metadataFault, withoutServerKeys } from './metadata.ts'

export interface RejectedEvent {
  readonly code: EventCode
  readonly message: string
}

export type CheckedEvent =
  | {
      /** As the client wrote its id: it finds the result by it. */
      readonly id: string
      readonly ok: SensorEvent & { readonly metadata?: Readonly<Record<string, string>> | undefined }
      /** Pairs that only the server may write. */
      readonly strippedPairs: number
      readonly otherUuidVersion: boolean
    }
  | { readonly id: string; readonly rejected: RejectedEvent }

/** Of one event as it came; the first fault is told. */
export function checkEvent(bytes: Uint8Array, maxBytes: number, receivedAtMs: number): CheckedEvent {
  if (bytes.byteLength > maxBytes) {
    const message = `the event must be at most ${maxBytes} bytes, got ${bytes.byteLength}`
    return { id: idIn(bytes), rejected: { code: EventCode.EVENT_CODE_TOO_LARGE, message } }
  }
  let event: Event
  try {
    event = Event.decode(bytes)
  } catch {
    // Also a number above 2^53, and text that is not UTF-8.
    return { id: idIn(bytes), rejected: invalid('the event cannot be decoded') }
  }
  const eventId = uuidOf(event.eventId)
  if (eventId === undefined) {
    const message = `event_id must be a UUID, version 7, got ${seenOf(event.eventId)}`
    const rejected = { code: EventCode.EVENT_CODE_INVALID_ID, message }
    return { id: event.eventId.slice(0, 64), rejected }
  }
  const fields = fieldsOf(event, receivedAtMs)
  if ('code' in fields) return { id: event.eventId, rejected: fields }
  const record = recordOf(event)
  if (typeof record === 'object') return { id: event.eventId, rejected: record }
  const fault = metadataFault(event.metadata)
  if (fault !== undefined) {
    return { id: event.eventId, rejected: { code: EventCode.EVENT_CODE_INVALID_METADATA, message: fault } }
  }
  const { kept, stripped } = withoutServerKeys(event.metadata)
  const metadata = Object.keys(kept).length === 0 ? undefined : kept
  return {
    id: event.eventId,
    ok: { eventId, ...fields, recordJson: record, receivedAtMs, metadata },
    strippedPairs: stripped,
    otherUuidVersion: eventId[14] !== '7',
  }
}

type Fields = Omit<SensorEvent, 'eventId' | 'recordJson' | 'receivedAtMs'>

function fieldsOf(event: Event, receivedAtMs: number): Fields | RejectedEvent {
  const ruleId = event.ruleId === '' ? '' : uuidOf(event.ruleId)
  if (ruleId === undefined) return invalid(`rule_id must be a UUID, got ${seenOf(event.ruleId)}`)
  if (event.ruleVersion < 0) return invalid(`rule_version must not be negative, got ${event.ruleVersion}`)
  const action = actionOf(event.action)
  if (action === undefined) return invalid(`action must be 1 (observe), 2 (drop) or 3 (fail), got ${event.action}`)
  const matchKind = matchKindOf(event.matchKind)
  if (matchKind === undefined) return invalid(`match_kind must be 0 to 5, got ${event.matchKind}`)
  const matchedPath = pathOf(event.matchedPath)
  if (matchedPath === undefined) return invalid('matched_path is not a field path')
  const { matchedValueJson, matchedValueTruncated } = event
  if (matchedValueJson !== '' && !matchedValueTruncated && !isJson(matchedValueJson)) {
    return invalid('matched_value_json must be JSON')
  }
  const clientAtMs = event.clientTimestamp === undefined ? receivedAtMs : msOf(event.clientTimestamp)
  if (clientAtMs === undefined) return invalid('client_timestamp is not a time between year 1 and 9999')
  return {
    ruleId,
    ruleVersion: event.ruleVersion,
    action,
    matchKind,
    groupIndex: event.groupIndex,
    conditionIndex: event.conditionIndex,
    matchedPath,
    matchedValueJson: matchedValueJson === '' ? undefined : matchedValueJson,
    matchedValueTruncated,
    clientAtMs,
  }
}

/** JSON text; undefined where the record was left out. `record_json` wins over the `payload` of older clients. */
function recordOf({ recordJson, payload }: Event): string | undefined | RejectedEvent {
  if (recordJson.byteLength > 0) {
    const text = isUtf8(recordJson) ? recordJson.toString('utf8') : ''
    if (isJson(text)) return text
    return { code: EventCode.EVENT_CODE_INVALID_RECORD, message: 'record_json must be JSON in UTF-8' }
  }
  if (payload === undefined) return undefined
  try {
    return JSON.stringify(payload)
  } catch {
    return { code: EventCode.EVENT_CODE_INVALID_RECORD, message: 'payload is nested too deeply' }
  }
}

const invalid = (message: string): RejectedEvent => ({ code: EventCode.EVENT_CODE_INVALID_FIELD, message })

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The id of an event that is not decoded: by every encoder it is the first field. '' when it is not there. */
function idIn(bytes: Uint8Array): string {
  const id = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(38, bytes.byteLength))
  return id[0] === 10 && id[1] === 36 ? (uuidOf(id.toString('latin1', 2)) ?? '') : ''
}
