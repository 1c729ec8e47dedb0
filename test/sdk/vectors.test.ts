import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { parseRule } from '../../core/rules/parse.ts'
import type { Rule } from '../../core/rules/rule.ts'
import { sendOrder } from '../../core/rules/sent.ts'
import type { Sensor } from '../../sdk/typescript/src/index.ts'
import { ruleToWire } from '../../server/sensor-api/sync-rules/to-wire.ts'
import { openSensor } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

interface Vector {
  readonly id: string
  readonly kind: string
  readonly record?: unknown
  readonly condition?: unknown
  readonly rules?: readonly { readonly id: string }[]
  readonly random?: readonly number[]
  readonly stop_on?: string
  readonly expect?: {
    readonly result?: 'true' | 'false' | 'error'
    readonly match_kind?: string
    readonly matched_path?: unknown
    readonly action?: string
    readonly matched?: readonly string[]
  }
}

/** `{"$num": "9007199254740993"}` and `{"$missing": true}` as the values that they stand for. */
function special(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(special)
  if (typeof value !== 'object' || value === null) return value
  const { $num: number, $missing: absent } = value as { $num?: string; $missing?: boolean }
  if (number !== undefined) return /^-?[1-9]\d*$/.test(number) ? BigInt(number) : Number(number)
  if (absent) return undefined
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, special(item)]))
}

function ruleOf(content: object, id: string): Rule {
  const scope = { tags: [], exclude_tags: [] }
  const { rule, faults } = parseRule({ name: id, state: 'active', action: 'observe', scope, ...content })
  assert.equal(faults, undefined)
  return { ...rule!, rule_id: id, version: 1, created_at: '2026-01-31T08:00:00Z' }
}

/** The wire has no half of a surrogate pair: a literal with one cannot reach a sensor. */
const isSendable = (condition: unknown) => !/\\ud[89a-f]/i.test(JSON.stringify(condition))

describe('the vectors, with rules that came over the wire', () => {
  let server: ScriptedServer
  let sensor: Sensor
  const numbers: number[] = []
  before(async () => {
    server = await ScriptedServer.start()
    const random = () => numbers.shift() ?? assert.fail('a random number was drawn')
    sensor = await openSensor(server, { syncMode: 'manual', raiseOnFail: false, random })
  })
  after(async () => {
    await sensor.close()
    await server[Symbol.asyncDispose]()
  })

  const check = async (id: string, rules: readonly Rule[], record: unknown) => {
    server.etag = `v1-${id}`
    server.rules = sendOrder(rules).map(ruleToWire)
    const synced = await sensor.sync()
    assert.deepEqual([synced.error, synced.rules], [undefined, rules.length])
    return sensor.check(special(record))
  }

  for (const file of readdirSync('sdk/vectors').filter(name => name.endsWith('.json') && name !== 'schema.json')) {
    const { vectors } = JSON.parse(readFileSync(`sdk/vectors/${file}`, 'utf8')) as {
      readonly vectors: readonly Vector[]
    }
    const conditions = vectors.filter(({ kind, condition }) => kind === 'condition' && isSendable(condition))
    const sets = vectors.filter(({ kind, stop_on }) => kind === 'rules' && stop_on !== 'first')
    if (conditions.length + sets.length === 0) continue

    it(`${file}: ${conditions.length} conditions and ${sets.length} sets of rules`, async () => {
      for (const { id, condition, record, expect } of conditions) {
        const any = [{ all: [special(condition)] }]
        const { action, matches } = await check(id, [ruleOf({ any }, id)], record)
        assert.equal(action, { true: 'observe', false: 'pass', error: 'fail' }[expect!.result!], id)
        if (expect!.match_kind !== undefined) assert.equal(matches[0]?.kind, expect!.match_kind, id)
        if (expect!.matched_path !== undefined) assert.deepEqual(matches[0]?.matchedPath, expect!.matched_path, id)
      }
      for (const { id, rules, record, random, expect } of sets) {
        numbers.splice(0, numbers.length, ...(random ?? []))
        const sent = rules!.map(({ id: ruleId, ...content }) => ruleOf(special(content) as object, ruleId))
        const { action, matches } = await check(id, sent, record)
        assert.deepEqual([action, matches.map(({ ruleId }) => ruleId)], [expect!.action, expect!.matched], id)
        assert.deepEqual(numbers, [], id)
      }
    })
  }
})
