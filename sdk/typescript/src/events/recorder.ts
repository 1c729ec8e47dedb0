import type { Clock } from '../../../../core/lib/clock.ts'
import type { Match } from '../../../../core/rules/evaluate.ts'
import type { CheckOptions } from '../options/check-options.ts'
import type { Metadata } from '../options/metadata.ts'
import type { DropReason } from '../stats.ts'
import { encodeEvent } from './encode-event.ts'
import type { EventBuffer } from './event-buffer.ts'
import { type JsonText, jsonOf } from './record-json.ts'

export const maxEventBytes = 1_024 * 1_024

/** Makes events of matches and puts them into the buffer. */
export class Recorder {
  recorded = 0
  withoutRecord = 0
  readonly lost: Partial<Record<DropReason, number>> = {}
  readonly #buffer: EventBuffer
  readonly #clock: Clock
  readonly #nextId: () => string
  #maxBytes = maxEventBytes

  constructor(buffer: EventBuffer, clock: Clock, nextId: () => string) {
    this.#buffer = buffer
    this.#clock = clock
    this.#nextId = nextId
  }

  /** What the server takes of one event; 0 means that it does not say. */
  limit(serverMaxBytes: number): void {
    this.#maxBytes = serverMaxBytes === 0 ? maxEventBytes : Math.min(maxEventBytes, serverMaxBytes)
  }

  lose(reason: DropReason, count = 1): void {
    this.lost[reason] = (this.lost[reason] ?? 0) + count
  }

  /**
   * The ids of the events of one record, undefined for one that is lost or skipped; `full` when one was lost for want of room. The
   * record is written down now: what happens to it later does not matter.
   */
  record(
    matches: readonly Match[],
    record: unknown,
    metadata: Metadata,
    shared: Metadata,
    skip: CheckOptions['skipEvent'],
  ): { ids: readonly (string | undefined)[]; full: boolean } {
    let json: JsonText | undefined
    let full = false
    const ids = matches.map(match => {
      if (skip?.({ ruleId: match.rule.rule_id, version: match.rule.version })) return undefined
      if (this.#buffer.full) {
        full = true
        this.lose('bufferOverflow')
        return undefined
      }
      json ??= jsonOf(record, this.#maxBytes)
      const id = this.#nextId()
      const event = encodeEvent({ id, match, record: json, metadata, atMs: this.#clock.now() }, this.#maxBytes)
      if (event === undefined) {
        this.lose('eventTooLarge')
        return undefined
      }
      if (!this.#buffer.offer({ id, bytes: event.bytes, shared })) {
        full = true
        this.lose('bufferOverflow')
        return undefined
      }
      this.recorded++
      if (!event.whole) this.withoutRecord++
      return id
    })
    return { ids, full }
  }
}
