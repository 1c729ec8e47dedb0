import { KubeError } from './kube-error.ts'
import type { KubeObject } from './objects.ts'

/** One line of a watch. `ERROR` has a Status as its object, `BOOKMARK` an object with nothing but a resourceVersion. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

const types: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'])
const newline = 0x0a
/** etcd takes 1.5 MiB an object; as JSON, with what the server adds, that can double and more. */
const maxLineBytes = 16 * 1024 * 1024

/**
 * The events of a watch, from bytes that may be cut anywhere, also within a character. A last line without its end
 * is no event: the watch was cut, and whoever resumes gets it again. Throws at a line that is not an event, since
 * what follows it cannot be trusted, and when the bytes do.
 */
export async function* watchEvents<T extends KubeObject>(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>> {
  let parts: Uint8Array[] = []
  let partBytes = 0
  for await (const chunk of bytes) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const last = chunk.subarray(start, end)
      const line = parts.length === 0 ? last : Buffer.concat([...parts, last])
      parts = []
      partBytes = 0
      start = end + 1
      if (line.byteLength > 0) yield eventOf<T>(line)
    }
    if (start < chunk.byteLength) {
      parts.push(chunk.subarray(start))
      partBytes += chunk.byteLength - start
    }
    if (partBytes > maxLineBytes) throw notAnEvent(`has more than ${maxLineBytes} bytes`)
  }
}

function eventOf<T>(line: Uint8Array): WatchEvent<T> {
  let event: Partial<WatchEvent<T>> | null
  try {
    event = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'))
  } catch (cause) {
    throw notAnEvent('is not JSON', cause)
  }
  if (!types.has(event?.type) || typeof event?.object !== 'object' || event.object === null) {
    throw notAnEvent('has no type and object of an event')
  }
  return event as WatchEvent<T>
}

const notAnEvent = (what: string, cause?: unknown) =>
  new KubeError(0, 'BadWatch', `a line of the watch ${what}`, { cause })
