import type { BufferedEvent, EventBuffer } from './event-buffer.ts'
import { framedBytes } from './request.ts'

export interface ChunkLimits {
  readonly maxEvents: number
  /** Of the events as they are framed in a request. */
  readonly maxBytes: number
}

/**
 * Takes the oldest events that go together in one request: within the limits and with the same shared metadata. One
 * event is never split, so a single one may be over the limit; the server judges that.
 */
export function takeChunk(buffer: EventBuffer, { maxEvents, maxBytes }: ChunkLimits): BufferedEvent[] {
  const shared = buffer.peek()?.shared
  let count = 0
  let bytes = 0
  for (; count < maxEvents; count++) {
    const event = buffer.peek(count)
    if (event === undefined || event.shared !== shared) break
    bytes += framedBytes(event)
    if (bytes > maxBytes && count > 0) break
  }
  return buffer.take(count)
}
