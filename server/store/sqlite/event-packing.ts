import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { formatPath } from '../../../core/rules/path.ts'
import type { EventBatch } from '../events-store.ts'
import { actionCodes, matchKindCodes } from './event-codes.ts'
import { contextOf, type EventContext } from './event-context.ts'

/**
 * A batch on its way to the worker: one buffer that changes hands, instead of thousands of objects that are copied.
 *
 * Lengths of head and lists (4 + 4 bytes), count (4), head and lists as JSON; then for each event 62 bytes of fixed
 * fields and its texts in UTF-8. What repeats, rules and paths, is listed once and referred to by its index.
 */
export const fixedBytes = 62
export const prefixBytes = 12
/** Stands for the length of a text that is not there. */
export const absent = 0xffffffff

/** What the events of a batch refer to. */
export interface PackedLists {
  readonly rules: readonly (readonly [ruleId: string, version: number])[]
  /** As people write them. */
  readonly paths: readonly string[]
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** @throws Code.Invalid for an event id that is not a UUID. */
export function packBatch(batch: EventBatch): ArrayBuffer {
  const rules = new Index<readonly [string, number]>()
  const paths = new Index<string>()
  const events = batch.events.map(event => ({
    event,
    rule: rules.of(`${event.ruleVersion} ${event.ruleId}`, () => [event.ruleId, event.ruleVersion]),
    path: paths.of(formatPath(event.matchedPath), path => path),
    metadata: event.metadata && Object.keys(event.metadata).length > 0 ? JSON.stringify(event.metadata) : undefined,
  }))
  const head = JSON.stringify(contextOf(batch) satisfies EventContext)
  const lists = JSON.stringify({ rules: rules.items, paths: paths.items } satisfies PackedLists)
  let bytes = prefixBytes + Buffer.byteLength(head) + Buffer.byteLength(lists)
  for (const { event, metadata } of events) {
    bytes += fixedBytes + bytesOf(event.matchedValueJson) + bytesOf(event.recordJson) + bytesOf(metadata)
  }
  const packed = new Writer(bytes)
  packed.u32(Buffer.byteLength(head))
  packed.u32(Buffer.byteLength(lists))
  packed.u32(events.length)
  packed.text(head)
  packed.text(lists)
  for (const { event, rule, path, metadata } of events) {
    if (!uuid.test(event.eventId)) throw badId(event.eventId)
    packed.hex(event.eventId.replaceAll('-', ''))
    packed.integer(event.receivedAtMs)
    packed.integer(event.clientAtMs)
    packed.u32(rule)
    packed.u32(path)
    packed.u32(event.groupIndex)
    packed.u32(event.conditionIndex)
    packed.u8(actionCodes[event.action] | (event.matchedValueTruncated ? 0x80 : 0))
    packed.u8(matchKindCodes[event.matchKind])
    // The lengths stand before the texts.
    packed.textsWithLengths(event.matchedValueJson, event.recordJson, metadata)
  }
  return packed.buffer
}

const bytesOf = (text: string | undefined) => (text === undefined ? 0 : Buffer.byteLength(text))

function badId(eventId: string): PulltraceError {
  return new PulltraceError(Code.Invalid, '`event_id` must be a UUID', {
    bound: 'a UUID',
    seen: eventId.slice(0, 64),
    fix: 'make event ids as RFC 9562 says, best of version 7',
  })
}

/** Different items, each under a number. */
class Index<T> {
  readonly items: T[] = []
  readonly #places = new Map<string, number>()

  of(key: string, item: (key: string) => T): number {
    const known = this.#places.get(key)
    if (known !== undefined) return known
    this.#places.set(key, this.items.length)
    return this.items.push(item(key)) - 1
  }
}

/** Writes one after the other into a buffer of exactly the size that is needed. Little-endian. */
class Writer {
  readonly #bytes: Buffer<ArrayBuffer>
  #at = 0

  constructor(bytes: number) {
    this.#bytes = Buffer.from(new ArrayBuffer(bytes))
  }

  get buffer(): ArrayBuffer {
    return this.#bytes.buffer
  }

  u8(value: number): void {
    this.#at = this.#bytes.writeUInt8(value, this.#at)
  }

  u32(value: number): void {
    this.#at = this.#bytes.writeUInt32LE(value, this.#at)
  }

  /** SQLite would not take a fraction, nor JavaScript give back what is above 2^53. */
  integer(value: number): void {
    const bounded = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.round(value)))
    this.#at = this.#bytes.writeDoubleLE(bounded, this.#at)
  }

  hex(digits: string): void {
    this.#at += this.#bytes.write(digits, this.#at, 'hex')
  }

  text(text: string): void {
    this.#at += this.#bytes.write(text, this.#at, 'utf8')
  }

  textsWithLengths(...texts: readonly (string | undefined)[]): void {
    let lengthAt = this.#at
    this.#at += 4 * texts.length
    for (const text of texts) {
      const before = this.#at
      if (text !== undefined) this.text(text)
      lengthAt = this.#bytes.writeUInt32LE(text === undefined ? absent : this.#at - before, lengthAt)
    }
  }
}
