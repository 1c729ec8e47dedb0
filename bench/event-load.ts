import { RisingUuids } from '../core/lib/rising-uuids.ts'
import type { RuleContent } from '../core/rules/rule.ts'
import { fakeRule } from '../server/sensor-api/tk-store.fake.ts'
import type { EventBatch } from '../server/store/events-store.ts'

export const batchEvents = 500
const recordBytes = 400

/** What a sensor reports: batches of 500 events of 400-byte records, of 100 rules, 200 matched paths, 2 % of them `fail`. */
export class EventLoad {
  readonly sensorId: string
  readonly #number: number
  readonly #ruleIds: readonly string[]
  readonly #uuids = new RisingUuids()
  #events = 0

  constructor(number: number, ruleIds: readonly string[]) {
    this.#number = number
    this.#ruleIds = ruleIds
    this.sensorId = this.#uuids.next(Date.now())
  }

  batch(): EventBatch {
    const nowMs = Date.now()
    return {
      sensorId: this.sensorId,
      apiKeyId: `key-${this.#number % 3}`,
      tags: ['production', `zone:${this.#number}`],
      metadata: {
        hostname: `db${this.#number}`,
        os_type: 'linux',
        process_id: String(4000 + this.#number),
        '$tk.client_ip': '192.0.2.7',
        '$tk.server_received_at': new Date(nowMs).toISOString(),
        '$tk.server_version': '0.1.0',
      },
      events: Array.from({ length: batchEvents }, () => this.#event(nowMs)),
    }
  }

  #event(nowMs: number): EventBatch['events'][number] {
    const n = this.#events++
    const fails = n % 50 === 0
    const head = `{"repository":"team/app-${n % 1000}","node":"node-${n % 50}","bytes":${n},"pods":"`
    return {
      eventId: this.#uuids.next(nowMs),
      ruleId: this.#ruleIds[n % this.#ruleIds.length]!,
      ruleVersion: 1,
      action: fails ? 'fail' : 'observe',
      matchKind: fails ? 'MISSING_FAILED' : 'VALUE',
      groupIndex: 0,
      conditionIndex: n % 3,
      matchedPath: ['layers', n % 200, 'bytes'],
      matchedValueJson: String(n),
      matchedValueTruncated: false,
      recordJson: `${head.padEnd(recordBytes - 2, 'x')}"}`,
      clientAtMs: nowMs,
      receivedAtMs: nowMs,
    }
  }
}

export function benchRules(count: number): RuleContent[] {
  return Array.from({ length: count }, (_, number) => {
    const { rule_id: _id, version: _version, created_at: _created, ...content } = fakeRule(number)
    return { ...content, name: `rule ${number}`, dry_run: number % 2 === 0 }
  })
}

/** As if it had been received now: batches are made before they are measured. */
export function receiveNow(batch: EventBatch): EventBatch {
  const nowMs = Date.now()
  for (const event of batch.events) (event as { receivedAtMs: number }).receivedAtMs = nowMs
  return { ...batch, metadata: { ...batch.metadata, '$tk.server_received_at': new Date(nowMs).toISOString() } }
}
