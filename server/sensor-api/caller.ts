import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { seenOf } from '../../core/lib/seen.ts'
import { tagFault } from '../../core/rules/scope.ts'
import { maxTags } from './limits.ts'

/** @throws Code.Invalid for bytes that are no such message. */
export function decoded<T>(type: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  try {
    return type.decode(bytes)
  } catch (cause) {
    throw new PulltraceError(Code.Invalid, 'the message cannot be decoded', { cause })
  }
}

/**
 * Sorted, each once: order and repetition have no meaning.
 *
 * @throws Code.Invalid
 */
export function tagsOf(tags: readonly string[]): readonly string[] {
  for (const [index, tag] of tags.entries()) {
    const fault = tagFault(tag)
    if (fault !== undefined) throw new PulltraceError(Code.Invalid, `tags[${index}] ${fault}, got ${seenOf(tag)}`)
  }
  const once = [...new Set(tags)].sort()
  if (once.length > maxTags) {
    throw new PulltraceError(Code.Invalid, `tags must be at most ${maxTags}, got ${once.length}`)
  }
  return once
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** In lower case; undefined when it is none. */
export const uuidOf = (text: string): string | undefined => (uuid.test(text) ? text.toLowerCase() : undefined)

/** '' when it is not given, as by clients that know only the first fields. @throws Code.Invalid */
export function sensorIdOf(text: string): string {
  if (text === '') return ''
  const id = uuidOf(text)
  if (id === undefined) throw new PulltraceError(Code.Invalid, `sensor_id must be a UUID, got ${seenOf(text)}`)
  return id
}
