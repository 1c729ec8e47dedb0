import assert from 'node:assert/strict'
import { status as Status } from '@grpc/grpc-js'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import type { Rule } from '../../../core/rules/rule.ts'
import { Action, OnCoercionFail } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { startSensorApi } from '../start-sensor-api.fake.ts'
import { databaseBusy, fakeRule } from '../tk-store.fake.ts'

/** With a clock that stands: a change of the store is seen after `changed`. */
async function start(rules: readonly Rule[] = [fakeRule(1)], env = {}) {
  const clock = new FakeClock(1_795_000_000_000)
  const server = await startSensorApi({ clock, env })
  server.store.set({ rules })
  return {
    ...server,
    clock,
    change(parts: Parameters<typeof server.store.set>[0]) {
      server.store.set(parts)
      clock.advance(1000)
    },
    async etag(tags: string[] = []) {
      const { response, headers, code } = await server.sync({ tags })
      assert.equal(code, Status.OK)
      assert.equal(headers['x-etag'], response?.etag)
      return response!.etag
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

describe('SyncRules', () => {
  it('answers with the rules for the tags, cheapest first, the limits and the time', async () => {
    const wide = fakeRule(1)
    const narrow = fakeRule(2, { scope: { tags: ['env:prod'], exclude_tags: ['canary'] } })
    const [cheap] = wide.any[0]!.all.map(condition => ({ ...condition, field: ['bytes'] }))
    await using server = await start([wide, narrow, fakeRule(3, { any: [{ all: [cheap!] }] })])
    const idsFor = async (tags: string[]) =>
      (await server.sync({ tags })).response?.rules.map(({ ruleId }) => Number(ruleId.slice(-3)))
    assert.deepEqual(await idsFor([]), [3, 1])
    assert.deepEqual(await idsFor(['env:prod', 'x']), [3, 1, 2])
    assert.deepEqual(await idsFor(['canary', 'env:prod']), [3, 1])
    const { response } = await server.sync()
    assert.match(response!.etag, /^v1-[\w-]{43}$/)
    assert.deepEqual(response!.limits, {
      maxRequestBytes: 67_108_864,
      maxEventsPerRequest: 10_000,
      maxEventBytes: 1_048_576,
      minSyncInterval: { seconds: 5, nanos: 0 },
      maxTags: 64,
      maxResponseBytes: 16_777_216,
    })
    assert.deepEqual([response!.serverTime, response!.serverVersion], [{ seconds: 1_795_000_000, nanos: 0 }, '1.2.3'])
  })

  it('sends every part of a rule', async () => {
    await using server = await start([
      fakeRule(7, { version: 4, scope: { tags: ['region:eu:1', 'x'], exclude_tags: [] } }),
    ])
    const { response } = await server.sync({ tags: ['x', 'region:eu:1'] })
    // Without what is absent.
    assert.deepEqual(JSON.parse(JSON.stringify(response?.rules)), [
      {
        ruleId: '01990000-0000-7000-8000-000000000007',
        name: 'rule 7',
        state: 2,
        action: Action.ACTION_OBSERVE,
        andGroups: [
          {
            groupIndex: 0,
            conditions: [
              {
                fieldPath: { segments: [{ fieldName: 'layers' }, { wildcard: {} }, { fieldName: 'bytes' }] },
                op: 5,
                value: { numericValue: 100 },
                fieldType: 1,
                onMissingField: 1,
                onCoercionFail: OnCoercionFail.ON_COERCION_FAIL_FAIL,
              },
            ],
          },
        ],
        sampleRate: 1,
        scopeTags: [
          { key: 'region', value: 'eu:1' },
          { key: 'x', value: '' },
        ],
        createdAt: { seconds: 1_795_255_200, nanos: 123_000_000 },
        version: 4,
        score: 248,
        maskPointers: [],
      },
    ])
  })

  it('sends a dry run as one that observes and never fails', async () => {
    await using server = await start([fakeRule(1, { action: 'fail', dry_run: true })])
    const rule = (await server.sync()).response!.rules[0]!
    assert.equal(rule.action, Action.ACTION_OBSERVE)
    assert.equal(rule.andGroups[0]!.conditions[0]!.onCoercionFail, OnCoercionFail.ON_COERCION_FAIL_SKIP)
  })

  it('refuses a bad tag, a bad sensor id, a newer protocol and bytes that are no message, naming the field', async () => {
    await using server = await start()
    for (const [request, expected] of [
      [{ tags: ['a', 'b:'] }, /^tags\[1\] must be .*, got "b:"$/],
      [{ tags: Array.from({ length: 65 }, (_, i) => `t${i}`) }, /^tags must be at most 64, got 65$/],
      [{ sensorId: 'x' }, /^sensor_id must be a UUID, got "x"$/],
      [{ protocolVersion: 2 }, /^protocol_version must be at most 1, got 2$/],
    ] as const) {
      const { code, details } = await server.sync(request as object)
      assert.equal(code, Status.INVALID_ARGUMENT)
      assert.match(details, expected)
    }
    assert.match(await server.metrics(), /^trapperkeeper_sync_requests_total\{result="error"\} 4$/m)
  })

  it('refuses a request that is larger than any sensor needs before it is decoded', async () => {
    await using server = await startSensorApi()
    const { code, details } = await server.sync({ applyError: 'x'.repeat(1024 * 1024) })
    assert.equal(code, Status.RESOURCE_EXHAUSTED)
    assert.match(details, /at most 1048576 bytes, got 10485\d\d/)
  })

  it('is unavailable, and to be asked again, while the database is', async () => {
    await using server = await start()
    server.store.fault = databaseBusy()
    const { code, details } = await server.sync()
    assert.deepEqual([code, details], [Status.UNAVAILABLE, 'tk.db is locked by another process'])
    server.store.fault = undefined
    assert.equal((await server.sync()).code, Status.OK)
  })

  it('refuses to send more rules than a sensor may get, and says what to do', async () => {
    await using server = await start(Array.from({ length: 2001 }, (_, i) => fakeRule(i)))
    const { code, details, trailers } = await server.sync()
    assert.equal(code, Status.RESOURCE_EXHAUSTED)
    assert.match(details, /^2001 rules apply to these tags; at most 2000 are sent; disable some/)
    assert.deepEqual(trailers.get('retry-after-ms'), [])
  })

  it('is measured with the rules as they are now, though no sensor asks', async () => {
    await using server = await startSensorApi()
    server.store.disabledRules = 3
    server.store.set({ rules: [fakeRule(1), fakeRule(2, { dry_run: true })], paused: true })
    const metrics = await server.metrics()
    for (const [name, value] of [
      ['rule_count', 2],
      ['rules_dryrun_total', 1],
      ['rules_disabled_total', 3],
      ['rules_globally_paused', 1],
    ]) {
      assert.match(metrics, new RegExp(`^trapperkeeper_${name} ${value}$`, 'm'))
    }
    server.store.fault = databaseBusy()
    assert.match(await server.metrics(), /^trapperkeeper_rule_count 2$/m, 'the last known')
  })

  it('looks into the store once a second at most, however many ask', async () => {
    await using server = await start()
    await Promise.all(Array.from({ length: 50 }, () => server.sync()))
    assert.equal(server.store.looks, 1)
    server.clock.advance(1000)
    await Promise.all(Array.from({ length: 50 }, () => server.sync()))
    assert.equal(server.store.looks, 2)
  })
})

describe('the ETag of SyncRules', () => {
  it('(1, 17) is sent with the whole set to a client that has none', async () => {
    await using server = await start()
    for (let again = 0; again < 2; again++) {
      const { response, headers } = await server.sync()
      assert.equal(response?.rules.length, 1)
      assert.equal(headers['x-not-modified'], undefined)
    }
  })

  it('(2) is answered with an empty message to who has it', async () => {
    await using server = await start()
    const etag = await server.etag()
    const { response, headers } = await server.sync({}, { 'if-none-match': etag })
    assert.deepEqual([headers['x-etag'], headers['x-not-modified']], [etag, '1'])
    assert.deepEqual([response?.rules, response?.etag, response?.limits], [[], '', undefined])
    assert.match(await server.metrics(), /^trapperkeeper_sync_requests_total\{result="not_modified"\} 1$/m)
  })

  it('(3) does not depend on the order or repetition of tags', async () => {
    await using server = await start([fakeRule(1, { scope: { tags: ['a', 'b'], exclude_tags: [] } })])
    assert.equal(await server.etag(['b', 'a', 'b']), await server.etag(['a', 'b']))
  })

  it('(4) is new after a change of name, state, dry run, pause or limits', async () => {
    await using server = await start()
    await using other = await start(undefined, { TK_MAX_EVENTS_PER_REQUEST: '9999' })
    const seen = new Set([await server.etag(), await other.etag()])
    for (const [index, change] of [
      { rules: [fakeRule(1, { name: 'another', version: 2 })] },
      { rules: [fakeRule(1, { version: 3, state: 'disabled' })] },
      { rules: [fakeRule(1, { version: 4, action: 'drop', dry_run: true })] },
      { rules: [fakeRule(1, { version: 5, action: 'drop', dry_run: false })] },
      { paused: true },
    ].entries()) {
      server.change(change)
      seen.add(await server.etag())
      assert.equal(seen.size, 3 + index)
    }
    assert.ok(seen.has('PAUSED'))
  })

  it('(5) is the same after an edit of what sensors do not get', async () => {
    await using server = await start()
    const before = await server.etag()
    server.change({ rules: [fakeRule(1, { description: 'new words' }), fakeRule(2, { state: 'draft' })] })
    assert.equal(await server.etag(), before)
  })

  it('(6) names the empty set too, which clears what a sensor has', async () => {
    await using server = await start()
    const before = await server.etag()
    server.change({ rules: [] })
    const { response, headers } = await server.sync({}, { 'if-none-match': before })
    assert.deepEqual([response?.rules, headers['x-not-modified']], [[], undefined])
    assert.ok(response!.etag !== '' && response!.etag !== before)
    const again = await server.sync({}, { 'if-none-match': response!.etag })
    assert.equal(again.headers['x-not-modified'], '1')
  })

  it('(7) is PAUSED during a pause, and the former one after it', async () => {
    await using server = await start()
    const before = await server.etag()
    server.change({ paused: true })
    const { response } = await server.sync({}, { 'if-none-match': before })
    assert.deepEqual([response?.etag, response?.paused, response?.rules], ['PAUSED', true, []])
    const again = await server.sync({}, { 'if-none-match': 'PAUSED' })
    assert.equal(again.headers['x-not-modified'], '1')
    server.change({ paused: false })
    assert.equal(await server.etag(), before)
  })

  it('(12) is equal for equal sets of different tags', async () => {
    await using server = await start([fakeRule(1), fakeRule(2, { scope: { tags: ['x'], exclude_tags: [] } })])
    assert.equal(await server.etag(['a']), await server.etag(['b', 'c']))
    assert.notEqual(await server.etag(['a']), await server.etag(['x']))
  })

  it('(13) is new when a rule was edited and reverted', async () => {
    await using server = await start()
    const before = await server.etag()
    server.change({ rules: [fakeRule(1, { version: 3 })] })
    assert.notEqual(await server.etag(), before)
  })

  it('(14) is the same after a restart, and on another instance', async () => {
    await using one = await start([fakeRule(1), fakeRule(2)])
    await using two = await start([fakeRule(2), fakeRule(1)])
    assert.equal(await one.etag(), await two.etag())
  })

  it('(15) that is unknown, cut or in other letters gets the whole set', async () => {
    await using server = await start()
    const etag = await server.etag()
    for (const other of ['v1-x', etag.slice(0, -1), etag.toUpperCase(), `"${etag}"`, 'PAUSED']) {
      const { response } = await server.sync({}, { 'if-none-match': other })
      assert.equal(response?.etag, etag)
    }
  })

  it('(16) is the same for 0 and -0', async () => {
    const withValue = (value: number) => {
      const [condition] = fakeRule(1).any[0]!.all
      return fakeRule(1, { any: [{ all: [{ ...condition!, value }] }] })
    }
    await using one = await start([withValue(0)])
    await using two = await start([withValue(-0)])
    assert.equal(await one.etag(), await two.etag())
  })

  it('(19) belongs to one moment, however rules change meanwhile', async () => {
    await using server = await start([fakeRule(1), fakeRule(2)])
    const names = new Map<string, string>()
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 5 }, () => server.sync())
      server.change({ rules: [1, 2].map(number => fakeRule(number, { name: `round ${round}`, version: round + 2 })) })
      for (const { response } of await Promise.all(calls)) {
        const [first, second] = response!.rules.map(({ name, version }) =>
          `${version}`.concat(name.replace(/rule \d/, '')),
        )
        assert.equal(first, second, 'rules of one revision')
        assert.equal(names.get(response!.etag) ?? first, first)
        names.set(response!.etag, first!)
      }
    }
  })
})
