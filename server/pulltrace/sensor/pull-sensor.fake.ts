import {
  type CheckOptions,
  EventBufferFull,
  type FlushResult,
  type Outcome,
  type RuleMatch,
} from '../../../sdk/typescript/src/index.ts'
import type { PullRecord } from './pull-record.ts'
import type { PullSensor } from './pull-sensor.ts'

export interface FakeRule {
  readonly ruleId: string
  readonly version?: number
  readonly action: RuleMatch['action']
  readonly when: (record: PullRecord) => boolean
}

/** A sensor whose rules are functions and whose server is a list. */
export class FakeSensor implements PullSensor {
  state: PullSensor['state'] = 'READY'
  rules: readonly FakeRule[] = []
  /** As the server has them: rule and pull. */
  readonly sent: string[] = []
  /** What every flush says; undefined: it works. */
  offline: string | undefined
  /** What `check` throws. */
  broken: Error | undefined
  checked = 0
  closed = false
  #buffer: string[] = []
  readonly #bufferEvents: number

  constructor(bufferEvents = 100) {
    this.#bufferEvents = bufferEvents
  }

  check(record: unknown, metadata: Readonly<Record<string, string>> = {}, { skipEvent }: CheckOptions = {}): Outcome {
    this.checked++
    if (this.broken !== undefined) throw this.broken
    const matches: RuleMatch[] = []
    let full = false
    for (const { ruleId, version = 1, action, when } of this.rules) {
      if (!when(record as PullRecord)) continue
      const skipped = skipEvent?.({ ruleId, version }) === true
      const fits = this.#buffer.length < this.#bufferEvents
      full ||= !skipped && !fits
      if (!skipped && fits) this.#buffer.push(`${ruleId} ${metadata['pull_id']}`)
      const eventId = skipped || !fits ? undefined : `event-${this.checked}-${matches.length}`
      matches.push({ ruleId, version, name: ruleId, action, matchedPath: ['image'], value: 1, kind: 'VALUE', eventId })
      if (action !== 'observe') break
    }
    const action: Outcome['action'] = matches.at(-1)?.action ?? 'pass'
    const keep = action === 'pass' || action === 'observe'
    const outcome = { action, keep, matches, ruleSetEtag: 'v1-fake' }
    if (full) throw new EventBufferFull(outcome)
    return outcome
  }

  async flush(): Promise<FlushResult> {
    const events = this.#buffer
    const result = { sent: 0, accepted: 0, duplicates: 0, rejected: 0, requeued: 0, dropped: 0, error: undefined }
    if (this.offline !== undefined) return { ...result, requeued: events.length, error: this.offline }
    this.#buffer = []
    this.sent.push(...events)
    return { ...result, sent: events.length, accepted: events.length }
  }

  stats() {
    return {
      checks: this.checked,
      rules: this.state === 'READY' || this.state === 'STALE' ? this.rules.length : 0,
      invalidRules: 0,
      syncs: { full: 1, unchanged: 0, failed: 0 },
      events: {
        recorded: this.sent.length + this.#buffer.length,
        sent: this.sent.length,
        accepted: this.sent.length,
        duplicates: 0,
        rejected: 0,
        dropped: { bufferOverflow: 0, eventTooLarge: 0, closedUnsent: 0 },
        buffered: this.#buffer.length,
        bufferedBytes: 100 * this.#buffer.length,
        withoutRecord: 0,
      },
      evaluatorErrors: 0,
    }
  }

  async close(): Promise<void> {
    await this.flush()
    this.closed = true
  }
}
