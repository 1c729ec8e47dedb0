import type { EventBatch } from '../events-store.ts'
import { receivedAtKey } from './event-terms.ts'

/** What the events of a request share, as it is kept: requests of one sensor are then alike. */
export interface EventContext {
  readonly sensorId: string
  readonly apiKeyId: string
  readonly tags: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  /** The metadata had the time of the request, under the server's key: it is that of each event. */
  readonly saysReceived: boolean
}

/** Keys in one order: senders write maps in any. */
export function contextOf({ sensorId, apiKeyId, tags, metadata, events }: EventBatch): EventContext {
  const said = Object.hasOwn(metadata, receivedAtKey) ? metadata[receivedAtKey] : undefined
  const [first] = events
  const saysReceived =
    said !== undefined &&
    first !== undefined &&
    isoOf(first.receivedAtMs) === said &&
    events.every(({ receivedAtMs }) => receivedAtMs === first.receivedAtMs)
  const kept = Object.entries(metadata).filter(([key]) => !saysReceived || key !== receivedAtKey)
  kept.sort(([a], [b]) => (a < b ? -1 : 1))
  return { sensorId, apiKeyId, tags, metadata: Object.fromEntries(kept), saysReceived }
}

/** With the event's own keys, which win. */
export function metadataOf(
  { metadata, saysReceived }: EventContext,
  receivedAtMs: number,
  own: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  return { ...metadata, ...(saysReceived && { [receivedAtKey]: isoOf(receivedAtMs) }), ...own }
}

const isoOf = (ms: number) => new Date(ms).toISOString()
