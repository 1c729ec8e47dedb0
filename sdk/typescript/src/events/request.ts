import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { ReportEventsRequest, type SdkInfo } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { Metadata } from '../options/metadata.ts'
import type { BufferedEvent } from './event-buffer.ts'
import { timestampOf } from './wire.ts'

/** What every request of a sensor says beside the events. */
export interface Sender {
  readonly sensorId: string
  readonly tags: readonly string[]
  readonly sdk: SdkInfo
  readonly systemMetadata: Metadata
}

/** `repeated Event events = 1`, length-delimited (sensor_api.proto). */
const eventsTag = (1 << 3) | 2

/** The request without its events. */
export function headOf({ sensorId, tags, sdk, systemMetadata }: Sender, shared: Metadata, atMs: number): Uint8Array {
  return ReportEventsRequest.encode({
    events: [],
    sensorId,
    clientTimestamp: timestampOf(atMs),
    metadata: shared,
    systemMetadata,
    tags: [...tags],
    sdk,
    dropReports: [],
    compactResults: true,
  }).finish()
}

/** The events are encoded already: they are only framed, so a resent chunk costs no more than its bytes. */
export function requestOf(head: Uint8Array, events: readonly BufferedEvent[]): Uint8Array {
  const writer = new BinaryWriter().raw(head)
  for (const { bytes } of events) writer.uint32(eventsTag).bytes(bytes)
  return writer.finish()
}

/** Bytes that an event adds to a request. */
export function framedBytes({ bytes }: BufferedEvent): number {
  let lengthBytes = 1
  for (let rest = bytes.byteLength >>> 7; rest > 0; rest >>>= 7) lengthBytes++
  return 1 + lengthBytes + bytes.byteLength
}
