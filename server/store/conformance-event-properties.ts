import assert from 'node:assert/strict'
import fc from 'fast-check'
import { actions, matchKinds, type Rule } from '../../core/rules/rule.ts'
import { content, type EventsPart } from './events-conformance.ts'
import { EventsModel } from './events-model.fake.ts'
import type { EventBatch, EventFilter, FoundEvent } from './events-store.ts'
import { eventBatch, receivedAtMs, sensorEvent, unknownRuleId } from './sensor-event.fake.ts'

const runs = process.env['SOAK'] ? 1000 : 100
const few = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const metadata = fc.dictionary(few('a', 'b', '__proto__x', '$tk.client_ip'), few('1', '2', ''), { maxKeys: 2 })

/** Any order of times: clocks step back, and requests overtake each other. */
const timeMs = fc.integer({ min: 0, max: 6 }).map(step => receivedAtMs + step)

function batches(ruleIds: readonly string[]): fc.Arbitrary<EventBatch[]> {
  const event = fc.record({
    n: fc.integer({ min: 0, max: 60 }),
    ruleId: few(...ruleIds, unknownRuleId),
    action: few(...actions),
    matchKind: few(...matchKinds),
    matchedPath: few(['a'], ['a', 0], ['a.b'], ['*']),
    matchedValueJson: few('5', '5.0', '"5"', 'true', '"\\u0061b"', '"ab"', 'null', undefined),
    recordJson: few('{"x":"%"}', '{"x":"_é"}', '""', undefined),
    metadata: fc.option(metadata, { nil: undefined }),
    receivedAtMs: timeMs,
  })
  const batch = fc.record({
    sensorId: few('s1', 's2'),
    apiKeyId: few('k1', 'k2'),
    tags: fc.subarray(['t1', 't2', 't3']),
    metadata,
    events: fc.array(event, { maxLength: 30 }),
  })
  return fc.array(
    batch.map(({ events, ...shared }) =>
      eventBatch(
        events.map(({ n, ...changes }) => sensorEvent(n, changes)),
        shared,
      ),
    ),
    { maxLength: 6 },
  )
}

function filters(ruleIds: readonly string[]): fc.Arbitrary<EventFilter> {
  const anyOf = {
    ruleId: few(...ruleIds, unknownRuleId, 'no rule'),
    action: few(...actions),
    configuredAction: few(...actions),
    dryRun: fc.boolean(),
    matchKind: few(...matchKinds),
    sensorId: few('s1', 's2', 's3'),
    tag: few('t1', 't2', 't3', 't'),
    apiKeyId: few('k1', 'k2'),
    metadata: fc.record({ key: few('a', 'b', '__proto__x', '$tk.client_ip', 'none'), value: few('1', '2', '') }),
    matchedPath: few('a', 'a[0]', '["a.b"]', '[*]', 'b'),
    matchedValue: few('5', '"5"', '50e-1', 'true', 'ab', '"ab"', '"', 'null'),
    text: few('%', '_', 'é', '"', 'x'),
  }
  const keys = fc.shuffledSubarray(Object.keys(anyOf), { maxLength: 3 })
  return fc.tuple(timeMs, timeMs, fc.boolean(), fc.record(anyOf), keys).map(([a, b, whole, all, keys]) => ({
    ...(whole
      ? { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER }
      : { sinceMs: Math.min(a, b), untilMs: Math.max(a, b) }),
    ...Object.fromEntries(Object.entries(all).filter(([key]) => keys.includes(key))),
  }))
}

/** So many that what is around it does not lie together. */
function large(n: number, receivedMs: number): EventBatch {
  const ids = Array.from({ length: 400 }, (_, i) => 10_000 + 1000 * n + i)
  return eventBatch(ids.map(id => sensorEvent(id, { receivedAtMs: receivedMs + (id % 3), recordJson: '{}' })))
}

/** What holds for any batches and filters. */
export function describeEventProperties(open: () => Promise<EventsPart>): void {
  it('answers, finds and deletes what a plain list would, for any batches, filters and pages', async function () {
    this.timeout(300_000)
    const tk = await open()
    try {
      const contents = [content('one'), { ...content('two'), dry_run: false, action: 'fail' as const }]
      const created = await tk.rules.change(
        contents.map(each => ({ kind: 'create', content: each })),
        { name: 'test' },
      )
      const rules = created as readonly Rule[]
      const ruleIds = rules.map(rule => rule.rule_id)
      const everything = fc.tuple(
        batches(ruleIds),
        fc.array(filters(ruleIds), { minLength: 3, maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        fc.option(timeMs),
        fc.array(timeMs, { maxLength: 3 }),
      )
      await fc.assert(
        fc.asyncProperty(everything, async ([small, someFilters, limit, beforeMs, largeAtMs]) => {
          await tk.events.prune(Number.MAX_SAFE_INTEGER, 0)
          const model = new EventsModel(rules)
          const someBatches = [
            ...largeAtMs.flatMap((ms, i) => [...small.slice(2 * i, 2 * i + 2), large(i, ms)]),
            ...small.slice(2 * largeAtMs.length),
          ]
          const answers = await Promise.all(someBatches.map(batch => tk.events.append(batch)))
          const expected = someBatches.map(batch => model.append(batch))
          assert.deepEqual(answers, expected)
          if (beforeMs !== null) {
            const { byAge } = await tk.events.prune(beforeMs, 0)
            assert.equal(byAge, model.deleteBefore(beforeMs))
          }
          for (const sinceMs of [0, receivedAtMs + 3]) {
            assert.deepEqual(sorted(await tk.events.countByRule(sinceMs)), sorted(model.countByRule(sinceMs)))
          }
          for (const filter of someFilters) {
            const expected = model.search(filter).map(withoutUnknown)
            const pageLimit = expected.length > 100 ? 50 * limit : limit
            assert.deepEqual(await allPages(tk, filter, pageLimit), expected)
          }
        }),
        { numRuns: runs },
      )
    } finally {
      await tk.close()
    }
  })
}

const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1))

async function allPages(tk: EventsPart, filter: EventFilter, limit: number): Promise<FoundEvent[]> {
  const found: FoundEvent[] = []
  let cursor: string | undefined
  do {
    const page = await tk.events.search(filter, limit, cursor)
    assert.ok(page.items.length <= limit)
    found.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return found
}

/** The store leaves out what is not known. */
function withoutUnknown(event: FoundEvent): FoundEvent {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined)) as unknown as FoundEvent
}
