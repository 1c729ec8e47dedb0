import type { Match } from '../../../../core/rules/evaluate.ts'
import { Event } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Metadata } from '../options/metadata.ts'
import { type JsonText, jsonOf } from './record-json.ts'
import { timestampOf, wireAction, wireKind, wirePath } from './wire.ts'

/** Of a matched value, when the record is left out. */
export const maxCutValueBytes = 4 * 1_024

export interface EventParts {
  readonly id: string
  readonly match: Match
  readonly record: JsonText
  readonly metadata: Metadata
  readonly atMs: number
}

/**
 * An event as it goes over the wire. Over `maxBytes` the record is left out and the matched value cut; undefined when
 * it is too large even so.
 */
export function encodeEvent(parts: EventParts, maxBytes: number): { bytes: Uint8Array; whole: boolean } | undefined {
  const { record, match } = parts
  const value: JsonText = match.hasValue ? jsonOf(match.value, maxBytes) : { text: '' }
  const tooLarge = 'failed' in record && record.failed === 'too_large'
  if (!tooLarge && 'text' in value) {
    // A record that is not JSON is not there at all; `record_omitted` speaks of size only.
    const recordJson = 'text' in record ? Buffer.from(record.text) : noBytes
    const bytes = encode(parts, { recordJson, matchedValueJson: value.text })
    if (bytes.byteLength <= maxBytes) return { bytes, whole: 'text' in record }
  }
  const cut = cutValue(match, value)
  const bytes = encode(parts, { recordOmitted: true, ...cut })
  return bytes.byteLength <= maxBytes ? { bytes, whole: false } : undefined
}

const noBytes = Buffer.alloc(0)

type Content = Partial<Pick<Event, 'recordJson' | 'recordOmitted' | 'matchedValueJson' | 'matchedValueTruncated'>>

function encode({ id, match, metadata, atMs }: EventParts, content: Content): Uint8Array {
  return Event.encode({
    eventId: id,
    payload: undefined,
    metadata,
    clientTimestamp: timestampOf(atMs),
    ruleId: match.rule.rule_id,
    ruleVersion: match.rule.version,
    action: wireAction[match.action],
    matchKind: wireKind[match.kind],
    groupIndex: match.groupIndex,
    conditionIndex: match.conditionIndex,
    matchedPath: wirePath(match.path),
    matchedValueJson: '',
    recordJson: noBytes,
    recordOmitted: false,
    maskedPointers: [],
    matchedValueTruncated: false,
    ...content,
  }).finish()
}

/** What is left is still JSON: the beginning of the text, or of the value's own JSON, as a string. */
function cutValue(match: Match, value: JsonText): Content {
  if ('text' in value && Buffer.byteLength(value.text) <= maxCutValueBytes) return { matchedValueJson: value.text }
  if (!('text' in value) && value.failed === 'not_json') return { matchedValueTruncated: true }
  const text = typeof match.value === 'string' ? match.value : 'text' in value ? value.text : ''
  let length = maxCutValueBytes
  // Quotes and characters beyond ASCII take more bytes than they have units: at most six to one.
  for (;;) {
    const json = JSON.stringify(text.slice(0, length).toWellFormed())
    const bytes = Buffer.byteLength(json)
    if (bytes <= maxCutValueBytes) return { matchedValueJson: json, matchedValueTruncated: true }
    length = Math.min(length - 1, Math.floor((length * maxCutValueBytes) / bytes))
  }
}
