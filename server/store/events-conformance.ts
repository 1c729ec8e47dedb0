import assert from 'node:assert/strict'
import { matchKinds, type RuleContent } from '../../core/rules/rule.ts'
import { describeEventProperties } from './conformance-event-properties.ts'
import type { EventFilter, FoundEvent } from './events-store.ts'
import { eventBatch, eventId, receivedAtMs, sensorEvent, unknownRuleId } from './sensor-event.fake.ts'
import type { TkStore } from './tk-store.ts'

export type EventsPart = Pick<TkStore, 'rules' | 'events' | 'audit' | 'close'>

export const always = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER }

/** What any EventsStore must do. `open` gives an empty store each time; the suite closes it. */
export function describeEventsStore(engine: string, open: () => Promise<EventsPart>): void {
  describe(`EventsStore on ${engine}`, () => {
    let tk: EventsPart
    let store: EventsPart['events']
    beforeEach(async () => {
      tk = await open()
      store = tk.events
    })
    afterEach(() => tk.close())

    const found = async (filter: Partial<EventFilter> = {}) => (await store.search({ ...always, ...filter }, 100)).items
    const idsOf = async (filter: Partial<EventFilter> = {}) => (await found(filter)).map(event => event.eventId)
    const ids = (...ns: readonly number[]) => ns.map(eventId)

    describe('append', () => {
      it('keeps all of an event, with what its request shared', async () => {
        const event = sensorEvent(1, { matchKind: 'COERCION_MATCHED', groupIndex: 31, conditionIndex: 31 })
        const batch = eventBatch([event])
        assert.deepEqual(await store.append(batch), ['unknown_rule'])
        const { events: _, ...shared } = batch
        assert.deepEqual(await found(), [{ ...event, ...shared }])
        assert.deepEqual(await store.get(event.eventId), { ...event, ...shared })
      })

      it('keeps an event without value, record and tags', async () => {
        const { matchedValueJson: _, recordJson: __, ...event } = sensorEvent(1)
        await store.append(eventBatch([event], { tags: [], metadata: {}, sensorId: '' }))
        const [stored] = await found()
        assert.equal(stored!.matchedValueJson, undefined)
        assert.equal(stored!.recordJson, undefined)
        assert.deepEqual([stored!.tags, stored!.metadata, stored!.sensorId], [[], {}, ''])
      })

      it('stores nothing for an empty batch', async () => {
        assert.deepEqual(await store.append(eventBatch([])), [])
        assert.equal((await store.size()).events, 0)
      })

      it('says of each event whether it is there already: from before, or from earlier in the batch', async () => {
        assert.deepEqual(await store.append(eventBatch([sensorEvent(1), sensorEvent(2), sensorEvent(1)])), [
          'unknown_rule',
          'unknown_rule',
          'duplicate',
        ])
        const again = eventBatch([sensorEvent(3), sensorEvent(2, { recordJson: '{"other":1}' })])
        assert.deepEqual(await store.append(again), ['unknown_rule', 'duplicate'])
        assert.deepEqual(await idsOf(), ids(3, 2, 1))
        assert.equal((await store.get(eventId(2)))!.recordJson, sensorEvent(2).recordJson)
      })

      it('stores a large batch once, however often it comes', async () => {
        const batch = eventBatch(Array.from({ length: 1000 }, (_, i) => sensorEvent(i)))
        const appended = await Promise.all([store.append(batch), store.append(batch), store.append(batch)])
        assert.equal(appended.flat().filter(each => each === 'duplicate').length, 2000)
        assert.equal((await store.size()).events, 1000)
      })

      it('takes ids in capitals for the same ids', async () => {
        await store.append(eventBatch([sensorEvent(10)]))
        const shouted = sensorEvent(10, { eventId: eventId(10).toUpperCase() })
        assert.deepEqual(await store.append(eventBatch([shouted])), ['duplicate'])
      })

      it('refuses an id that is none, and nothing of its batch is stored', async () => {
        const batch = eventBatch([sensorEvent(1), sensorEvent(2, { eventId: 'two' })])
        await assert.rejects(store.append(batch), { code: 'invalid' })
        assert.equal((await store.size()).events, 0)
      })

      it('stores an event of a rule that nobody knows, and of a version that is not there', async () => {
        const [rule] = await tk.rules.change([{ kind: 'create', content: content('slow pull') }], { name: 'test' })
        const { rule_id: ruleId } = rule!
        assert.deepEqual(
          await store.append(
            eventBatch([sensorEvent(1, { ruleId }), sensorEvent(2, { ruleId, ruleVersion: 9 }), sensorEvent(3)]),
          ),
          ['stored', 'unknown_rule', 'unknown_rule'],
        )
        const seen = (await found()).map(event => [event.ruleId, event.ruleVersion, event.ruleName, event.dryRun])
        assert.deepEqual(seen, [
          [unknownRuleId, 1, undefined, undefined],
          [ruleId, 9, undefined, undefined],
          [ruleId, 1, 'slow pull', true],
        ])
      })

      it('shows the version that matched, whatever became of the rule', async () => {
        const by = { name: 'test' }
        const [rule] = await tk.rules.change([{ kind: 'create', content: content('before') }], by)
        const ruleId = rule!.rule_id
        await store.append(eventBatch([sensorEvent(1, { ruleId })]))
        const changed = { ...content('after'), dry_run: false, action: 'fail', state: 'disabled' } as const
        await tk.rules.change([{ kind: 'update', ruleId, basedOn: 1, content: changed }], by)
        await store.append(eventBatch([sensorEvent(2, { ruleId, ruleVersion: 2 })]))
        await tk.rules.change([{ kind: 'delete', ruleId, basedOn: 2 }], by)
        const seen = (await found({ ruleId })).map(event => [event.ruleName, event.configuredAction, event.dryRun])
        assert.deepEqual(seen, [
          ['after', 'fail', false],
          ['before', 'drop', true],
        ])
      })

      it('keeps unicode, large records and what looks like SQL', async () => {
        const records = [
          '{"é":"日本 🐳 e\u0301"}',
          `{"x":"${'y'.repeat(1024 * 1024)}"}`,
          `{"x":"'; DROP TABLE events; --"}`,
        ]
        const events = records.map((recordJson, n) =>
          sensorEvent(n, { recordJson, matchedPath: [records[0]!, '*', 3] }),
        )
        await store.append(eventBatch(events, { tags: ['région:日本'], metadata: { '🐳': "'\n" } }))
        const seen = await found()
        assert.deepEqual(
          seen.map(event => event.recordJson),
          records.toReversed(),
        )
        assert.deepEqual(seen[0]!.matchedPath, [records[0], '*', 3])
        assert.deepEqual(seen[0]!.metadata, { '🐳': "'\n" })
      })

      it('takes what a clock may claim', async () => {
        const claims = [Number.MAX_SAFE_INTEGER, -5, 1.5]
        await store.append(eventBatch(claims.map((clientAtMs, n) => sensorEvent(n, { clientAtMs }))))
        assert.deepEqual(
          (await found()).map(event => event.clientAtMs),
          [2, -5, Number.MAX_SAFE_INTEGER],
        )
      })

      it('answers each of many callers at once for its own events', async () => {
        const batches = Array.from({ length: 20 }, (_, i) => eventBatch([sensorEvent(i), sensorEvent(1000)]))
        const appended = await Promise.all(batches.map(batch => store.append(batch)))
        assert.deepEqual(
          appended.map(([own]) => own),
          Array(20).fill('unknown_rule'),
        )
        assert.equal(appended.filter(([, shared]) => shared === 'unknown_rule').length, 1)
      })
    })

    describe('search', () => {
      const at = (minutes: number) => receivedAtMs + minutes * 60_000
      let ruleId: string
      beforeEach(async () => {
        const [rule] = await tk.rules.change([{ kind: 'create', content: content('slow pull') }], { name: 'test' })
        ruleId = rule!.rule_id
        await store.append(
          eventBatch([
            sensorEvent(1, { receivedAtMs: at(1), ruleId }),
            sensorEvent(2, { receivedAtMs: at(2), action: 'fail', matchKind: 'MISSING_FAILED' }),
          ]),
        )
        await store.append(
          eventBatch(
            [
              sensorEvent(3, {
                receivedAtMs: at(3),
                recordJson: '{"a":"100%_\'\\"\\\\x"}',
                metadata: { hostname: 'db9' },
              }),
              sensorEvent(4, { receivedAtMs: at(3), matchedPath: ['a.b', 3, 'c'], metadata: { batch: '42' } }),
            ],
            { sensorId: 'other', apiKeyId: 'key-2', tags: ['staging'] },
          ),
        )
      })

      for (const { name, filter, expected } of [
        {
          name: 'everything, newest received first, of one time the newest stored first',
          filter: {},
          expected: [4, 3, 2, 1],
        },
        { name: 'from a time on', filter: { sinceMs: at(2) }, expected: [4, 3, 2] },
        { name: 'until before a time', filter: { untilMs: at(3) }, expected: [2, 1] },
        { name: 'nothing in no time', filter: { sinceMs: at(2), untilMs: at(2) }, expected: [] },
        { name: 'an action', filter: { action: 'fail' }, expected: [2] },
        { name: 'a configured action', filter: { configuredAction: 'drop' }, expected: [1] },
        { name: 'dry runs', filter: { dryRun: true }, expected: [1] },
        { name: 'no others of rules that are known', filter: { dryRun: false }, expected: [] },
        { name: 'a match kind', filter: { matchKind: 'MISSING_FAILED' }, expected: [2] },
        { name: 'a rule that nobody knows', filter: { ruleId: unknownRuleId }, expected: [4, 3, 2] },
        { name: 'a sensor', filter: { sensorId: 'other' }, expected: [4, 3] },
        { name: 'a key', filter: { apiKeyId: 'key-2' }, expected: [4, 3] },
        { name: 'a tag', filter: { tag: 'production' }, expected: [2, 1] },
        { name: 'no part of a tag', filter: { tag: 'prod' }, expected: [] },
        {
          name: "metadata of the request, but not where an event's own wins",
          filter: { metadata: { key: 'hostname', value: 'db1' } },
          expected: [4, 2, 1],
        },
        { name: 'metadata of one event', filter: { metadata: { key: 'hostname', value: 'db9' } }, expected: [3] },
        { name: 'a path as it is written', filter: { matchedPath: '["a.b"][3].c' }, expected: [4] },
        { name: 'no part of a path', filter: { matchedPath: 'layers' }, expected: [] },
        { name: 'a number, however it is written', filter: { matchedValue: '5e7' }, expected: [4, 3, 2, 1] },
        { name: 'no text as a number', filter: { matchedValue: '"50000000"' }, expected: [] },
        { name: 'a text of the record', filter: { text: '"n":2' }, expected: [2] },
        { name: 'wildcards, quotes and backslashes as what they are', filter: { text: '%_\'\\"\\\\' }, expected: [3] },
        { name: 'no text in other case', filter: { text: 'TEAM/APP' }, expected: [] },
        {
          name: 'all at once',
          filter: { tag: 'staging', sensorId: 'other', text: 'team', action: 'observe', sinceMs: at(3) },
          expected: [4],
        },
      ] as { name: string; filter: Partial<EventFilter>; expected: number[] }[]) {
        it(`finds ${name}`, async () => assert.deepEqual(await idsOf(filter), ids(...expected)))
      }

      it('finds values by what they mean, not by how their sensor wrote them', async () => {
        const values = [
          '"é<b>"',
          '"\\u00e9\\u003cb>"',
          '"5"',
          '5',
          '5.0',
          '12345678901234567890',
          'true',
          '{"a":1}',
          '""',
        ]
        const events = values.map((matchedValueJson, n) => sensorEvent(300 + n, { matchedValueJson }))
        const cut = sensorEvent(320, { matchedValueJson: '"5', matchedValueTruncated: true })
        await store.append(eventBatch([...events, cut], { tags: ['values'] }))
        for (const [matchedValue, places] of [
          ['é<b>', [1, 0]],
          ['"é<b>"', [1, 0]],
          ['5', [4, 3, 2]],
          ['0.5e1', [4, 3]],
          ['"5"', [2]],
          ['"5', []],
          ['12345678901234567890', [5]],
          ['12345678901234567891', []],
          ['true', [6]],
          ['{"a":1}', [7]],
          ['""', [8]],
          ['1 OR 1', []],
        ] as const) {
          const expected = ids(...places.map(place => 300 + place))
          assert.deepEqual(await idsOf({ tag: 'values', matchedValue }), expected, matchedValue)
        }
      })

      it('counts the events of each rule since a time, also when more come and when some go', async () => {
        assert.deepEqual(
          await store.countByRule(0),
          new Map([
            [unknownRuleId, 3],
            [ruleId, 1],
          ]),
        )
        assert.deepEqual(await store.countByRule(at(2)), new Map([[unknownRuleId, 3]]))
        const many = Array.from({ length: 1500 }, (_, n) => sensorEvent(400 + n, { receivedAtMs: at(4), ruleId }))
        await store.append(eventBatch(many))
        assert.equal((await store.countByRule(0)).get(ruleId), 1501)
        await store.append(eventBatch([sensorEvent(2000, { receivedAtMs: at(5), ruleId })]))
        assert.equal((await store.countByRule(0)).get(ruleId), 1502)
        await store.prune(at(5), 0)
        assert.deepEqual(await store.countByRule(0), new Map([[ruleId, 1]]))
        assert.deepEqual(await store.countByRule(at(6)), new Map())
      })

      it('finds the events of a rule', async () => assert.deepEqual(await idsOf({ ruleId }), ids(1)))

      it('gives every event once over the pages, also while others arrive', async () => {
        await store.append(
          eventBatch(Array.from({ length: 30 }, (_, i) => sensorEvent(100 + i, { receivedAtMs: at(4) }))),
        )
        const seen: FoundEvent[] = []
        let cursor: string | undefined
        let next = 1000
        do {
          const page = await store.search(always, 7, cursor)
          assert.ok(page.items.length > 0)
          seen.push(...page.items)
          cursor = page.nextCursor
          // Newer ones, and ones that were received at the time of those on the page.
          await store.append(
            eventBatch([sensorEvent(next++, { receivedAtMs: at(9) }), sensorEvent(next++, { receivedAtMs: at(4) })]),
          )
        } while (cursor !== undefined)
        const expected = [...Array.from({ length: 30 }, (_, i) => 129 - i), 4, 3, 2, 1]
        assert.deepEqual(
          seen.map(event => event.eventId),
          ids(...expected),
        )
      })

      it('gives shorter pages of large records, so that no page is larger than memory', async () => {
        const recordJson = `"${'x'.repeat(1024 * 1024)}"`
        await store.append(
          eventBatch(
            Array.from({ length: 20 }, (_, i) => sensorEvent(200 + i, { recordJson })),
            { tags: ['large'] },
          ),
        )
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await store.search({ ...always, tag: 'large' }, 1000, cursor)
          assert.ok(page.items.length > 0 && page.items.length < 20)
          seen.push(...page.items.map(event => event.eventId))
          cursor = page.nextCursor
        } while (cursor !== undefined)
        assert.deepEqual(seen, ids(...Array.from({ length: 20 }, (_, i) => 219 - i)))
      })

      it('finds the time of a request under the key by which the server notes it', async () => {
        const said = new Date(at(5)).toISOString()
        const metadata = { '$tk.server_received_at': said, hostname: 'db1' }
        await store.append(eventBatch([sensorEvent(50, { receivedAtMs: at(5) })], { metadata }))
        assert.deepEqual((await store.get(eventId(50)))!.metadata, metadata)
        const key = '$tk.server_received_at'
        assert.deepEqual(await idsOf({ metadata: { key, value: said } }), ids(50))
        assert.deepEqual(await idsOf({ metadata: { key, value: 'never' } }), [])
      })

      it('refuses a cursor it did not make', async () => {
        for (const cursor of ['', 'x', Buffer.from('["events","1","2"]').toString('base64url')]) {
          await assert.rejects(store.search(always, 1, cursor), { code: 'invalid' })
        }
      })

      it('knows no event under an id that is none', async () => {
        for (const id of ['', 'x', eventId(99)]) assert.equal(await store.get(id), undefined)
      })
    })

    describe('prune', () => {
      const hours = 3_600_000
      const fill = async (batches: number, tags = ['production']) => {
        for (let batch = 0; batch < batches; batch++) {
          const receivedMs = receivedAtMs + batch * hours
          const events = Array.from({ length: 300 }, (_, i) =>
            sensorEvent(batch * 300 + i, {
              receivedAtMs: receivedMs,
              matchKind: matchKinds[i % 5]!,
              recordJson: `"${'x'.repeat(400)}"`,
            }),
          )
          await store.append(eventBatch(events, { tags: [...tags, `batch:${batch}`] }))
        }
      }

      it('deletes what was received before a time, and nothing else', async () => {
        await fill(10)
        assert.deepEqual(await store.prune(receivedAtMs + 4 * hours, 0), { byAge: 1200, bySize: 0 })
        assert.equal((await store.size()).events, 1800)
        assert.equal(await store.get(eventId(0)), undefined)
        assert.ok(await store.get(eventId(1200)))
        assert.deepEqual(await found({ tag: 'batch:3' }), [])
        assert.equal((await found({ tag: 'batch:4' })).length, 100)
        assert.deepEqual(await store.prune(receivedAtMs + 4 * hours, 0), { byAge: 0, bySize: 0 })
      })

      it('deletes the oldest until what is left fits a size', async () => {
        await fill(10)
        const before = await store.size()
        const { byAge, bySize } = await store.prune(0, before.bytes / 2)
        const after = await store.size()
        assert.equal(byAge, 0)
        assert.equal(after.events, before.events - bySize)
        assert.ok(
          after.bytes <= before.bytes / 2 && after.bytes > before.bytes / 3,
          `${after.bytes} of ${before.bytes}`,
        )
        assert.equal(await store.get(eventId(bySize - 1)), undefined)
        assert.ok(await store.get(eventId(bySize)))
      })

      it('deletes more than one transaction takes, and stores on afterwards', async () => {
        await fill(40)
        assert.deepEqual(await store.prune(receivedAtMs + 100 * hours, 0), { byAge: 12_000, bySize: 0 })
        const { events, bytes, databaseBytes, freeBytes } = await store.size()
        assert.deepEqual([events, bytes], [0, 0])
        assert.ok(freeBytes < databaseBytes, `${freeBytes} of ${databaseBytes}`)
        assert.deepEqual(await store.append(eventBatch([sensorEvent(0), sensorEvent(1)])), [
          'unknown_rule',
          'unknown_rule',
        ])
        assert.deepEqual(await idsOf({ tag: 'production' }), ids(1, 0))
      })

      it('ends early when told to, and leaves the rest to the next call', async () => {
        await fill(40)
        const stop = new AbortController()
        const pruning = store.prune(receivedAtMs + 100 * hours, 0, stop.signal)
        stop.abort()
        const { byAge } = await pruning
        assert.ok(byAge < 12_000, `${byAge} removed`)
        assert.deepEqual(await store.prune(receivedAtMs + 100 * hours, 0), { byAge: 12_000 - byAge, bySize: 0 })
      })

      it('bounds nothing by 0', async () => {
        await fill(1)
        assert.deepEqual(await store.prune(0, 0), { byAge: 0, bySize: 0 })
      })
    })

    describe('deleteFound', () => {
      const by = { name: 'user:root', address: '192.0.2.1' }
      const many = Array.from({ length: 1200 }, (_, n) =>
        sensorEvent(n, { receivedAtMs: receivedAtMs + n, action: n % 2 === 0 ? 'fail' : 'observe' }),
      )

      it('deletes what a search finds and nothing else, and stores and finds on', async () => {
        await store.append(eventBatch(many))
        const filter = { ...always, action: 'fail' } as const
        assert.deepEqual(await store.deleteFound(filter, 10_000, by), { deleted: 600, more: false })
        assert.deepEqual(await idsOf({ action: 'fail' }), [])
        assert.equal((await store.search({ ...always, action: 'observe' }, 1000)).items.length, 600)
        assert.equal((await store.size()).events, 600)
        assert.equal((await store.countByRule(0)).get(unknownRuleId), 600)
        assert.deepEqual(await store.append(eventBatch([many[2]!, many[3]!])), ['unknown_rule', 'duplicate'])
        assert.deepEqual(await idsOf({ action: 'fail' }), ids(2))
        assert.deepEqual(await store.deleteFound(filter, 10_000, by), { deleted: 1, more: false })
        assert.deepEqual(await store.deleteFound(always, 10_000, by), { deleted: 600, more: false })
        assert.deepEqual(await store.size().then(({ events, bytes }) => [events, bytes]), [0, 0])
        assert.deepEqual(await store.append(eventBatch([many[0]!])), ['unknown_rule'])
      })

      it('deletes the newest first up to a bound, and says that there are more', async () => {
        await store.append(eventBatch(many))
        assert.deepEqual(await store.deleteFound(always, 1100, by), { deleted: 1100, more: true })
        assert.equal(await store.get(eventId(100)), undefined)
        assert.ok(await store.get(eventId(99)))
      })

      it('is in the audit log before and after, with conditions and count', async () => {
        await store.append(eventBatch([sensorEvent(1)]))
        await store.deleteFound({ ...always, tag: 'production' }, 10, by)
        const { items } = await tk.audit.search(10, undefined, { action: 'events.delete' })
        assert.deepEqual(
          items.map(({ actor, address, after }) => [actor, address, after]),
          [{ deleted: 1 }, { begun: true }].map(more => [
            by.name,
            by.address,
            { filter: { ...always, tag: 'production' }, ...more },
          ]),
        )
      })
    })

    describe('retention', () => {
      it('is not known before the first run, then what is set and the newest run that removed any', async () => {
        const set = { keepMs: 720 * 3_600_000, maxBytes: 1000 }
        assert.equal(await store.retention(), undefined)
        await store.noteRetention({ ...set, byAge: 0, bySize: 0 })
        const first = await store.retention()
        assert.deepEqual(first, { ...set, ranAtMs: first!.ranAtMs })
        await store.noteRetention({ ...set, byAge: 3, bySize: 4 })
        const { removed } = (await store.retention())!
        assert.deepEqual([removed?.byAge, removed?.bySize], [3, 4])
        await store.noteRetention({ keepMs: 0, maxBytes: 0, byAge: 0, bySize: 0 })
        const last = (await store.retention())!
        assert.deepEqual(last, { keepMs: 0, maxBytes: 0, ranAtMs: last.ranAtMs, removed })
      })
    })

    it('answers what was appended before it is closed, and takes nothing afterwards', async () => {
      const late = store.append(eventBatch([sensorEvent(1)]))
      await tk.close()
      assert.deepEqual(await late, ['unknown_rule'])
      await assert.rejects(store.append(eventBatch([sensorEvent(2)])), { code: 'unavailable' })
      await assert.rejects(store.search(always, 1), { code: 'unavailable' })
    })

    describeEventProperties(open)
  })
}

export function content(name: string): RuleContent {
  return {
    ...{ schema_version: 1, name, description: '', state: 'active', dry_run: true, action: 'drop', sample_rate: 1 },
    scope: { tags: [], exclude_tags: [] },
    any: [
      { all: [{ field: ['a'], op: 'exists', field_type: 'any', on_missing_field: 'skip', on_coercion_fail: 'skip' }] },
    ],
  }
}
