import type { EventBatch, SensorEvent } from './events-store.ts'

/** When the events of tests are received, unless they say. Epoch ms. */
export const receivedAtMs = Date.UTC(2026, 0, 31, 8)

export type BatchEvent = EventBatch['events'][number]

/** The n-th id of a test. */
export function eventId(n: number): string {
  return `019c1234-5678-7abc-8def-${n.toString(16).padStart(12, '0')}`
}

/** A rule that no store knows. */
export const unknownRuleId = '019c0000-0000-7000-8000-000000000001'

export function sensorEvent(n: number, changes: Partial<BatchEvent> = {}): BatchEvent {
  return {
    eventId: eventId(n),
    ruleId: unknownRuleId,
    ruleVersion: 1,
    action: 'observe',
    matchKind: 'VALUE',
    groupIndex: 0,
    conditionIndex: 1,
    matchedPath: ['layers', 0, 'bytes'],
    matchedValueJson: '50000000',
    matchedValueTruncated: false,
    recordJson: `{"repository":"team/app","n":${n}}`,
    clientAtMs: receivedAtMs - 20,
    receivedAtMs,
    ...changes,
  }
}

export function eventBatch(
  events: readonly (BatchEvent | SensorEvent)[],
  changes: Partial<EventBatch> = {},
): EventBatch {
  return {
    sensorId: '019c2222-2222-7222-8222-222222222222',
    apiKeyId: '019c3333-3333-7333-8333-333333333333',
    tags: ['production', 'region:eu-west-1'],
    metadata: { '$tk.client_ip': '192.0.2.7', hostname: 'db1' },
    events,
    ...changes,
  }
}
