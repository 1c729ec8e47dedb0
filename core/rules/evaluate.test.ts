import assert from 'node:assert/strict'
import { all, checked as checkedBy, sent } from './build.fake.ts'
import { compileRules } from './compile.ts'
import { evaluate } from './evaluate.ts'
import type { SentRule } from './rule.ts'

const hot = { field: ['t'], op: 'gt', field_type: 'numeric', value: 100 }
const noRandom = () => assert.fail('a random number was drawn')

for (const code of ['never', 'at once'] as const) {
  const checked = (rules: readonly SentRule[], record: unknown, random?: () => number) =>
    checkedBy(rules, record, random, code)

  describe(`evaluate, code made ${code}`, () => {
    it('tells the first condition as its author wrote it, whichever was tried first', () => {
      const deep = { field: ['r', '*', 's'], op: 'prefix', field_type: 'text', value: 'x' }
      const rule = sent({ action: 'drop', any: [{ all: [{ ...hot, value: 900 }] }, { all: [deep, hot] }] })
      const { action, matches } = checked([rule], { t: 101, r: [{ s: 'a' }, { s: 'xy' }] })
      const told = { rule, action: 'drop', kind: 'VALUE', groupIndex: 1, conditionIndex: 0 }
      assert.deepEqual(matches, [{ ...told, path: ['r', 1, 's'], value: 'xy', hasValue: true }])
      assert.equal(action, 'drop')
    })

    it('tells the condition that failed, and that the check failed, whatever the action', () => {
      const strict = { field: ['gone', '*'], op: 'eq', field_type: 'text', value: 'x', on_missing_field: 'fail' }
      const rule = sent({ any: all(hot, strict) })
      const { action, matches } = checked([rule, sent({}, { rule_id: 's' })], { t: 101 })
      const told = { rule, action: 'fail', kind: 'MISSING_FAILED', groupIndex: 0, conditionIndex: 1 }
      assert.deepEqual(matches, [{ ...told, path: ['gone', '*'], value: undefined, hasValue: false }])
      assert.equal(action, 'fail')
    })

    it('goes on after what is observed, and ends with the first that is not', () => {
      const rules = ['observe', 'observe', 'drop', 'fail'].map((action, at) => sent({ action }, { rule_id: `${at}` }))
      const { action, matches } = checked(rules, { t: 101 })
      assert.deepEqual([action, matches.map(({ rule }) => rule.rule_id)], ['drop', ['0', '1', '2']])
    })

    it('draws one number for each rule that is sampled, before it reads a field', () => {
      const drawn: number[] = []
      const record = {
        get t() {
          drawn.push(-1)
          return 101
        },
      }
      const rates = [0, 1, 0.5, 0.5].map((sample_rate, at) => sent({ sample_rate }, { rule_id: `${at}` }))
      const numbers = [0.5, 0.49]
      const { matches } = checked(rates.slice(2), record, () => {
        drawn.push(numbers[0]!)
        return numbers.shift()!
      })
      assert.deepEqual([drawn, matches.map(({ rule }) => rule.rule_id)], [[0.5, 0.49, -1, -1], ['3']])
      assert.equal(checked(rates.slice(0, 2), { t: 101 }, noRandom).matches.length, 1)
    })

    it('lets a rule whose record throws not match, tells it, and goes on with the next', () => {
      const record = {
        t: 101,
        get broken() {
          throw new Error('no value today')
        },
      }
      const broken = sent({ action: 'drop', any: all({ field: ['broken'], op: 'exists' }) }, { rule_id: 'b' })
      const { action, errors, matches, set } = checked([broken, sent(), broken], record)
      assert.deepEqual([action, matches.length, errors], ['observe', 1, ['b: no value today', 'b: no value today']])
      assert.deepEqual(
        set.rules.map(({ counts }) => counts.errors),
        [1, 0, 1],
      )
    })

    it('survives a revoked proxy, and an object that lies about its fields', () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      assert.equal(checked([sent()], proxy).errors.length, 1)
      const liar = new Proxy(
        {},
        { get: () => 101, getOwnPropertyDescriptor: () => undefined, getPrototypeOf: () => null },
      )
      assert.equal(checked([sent()], liar).action, 'pass')
    })

    it('lets through what `onMatch` throws, and is ready for the next record', () => {
      const { set } = compileRules([sent()], code)
      const full = new Error('Event buffer full, flush required')
      const throwing = () => {
        throw full
      }
      assert.throws(() => evaluate(set, { t: 101 }, noRandom, throwing), full)
      assert.equal(
        evaluate(set, { t: 101 }, noRandom, () => {}),
        'observe',
      )
    })

    it('checks another record while it tells of one', () => {
      const { set } = compileRules([sent(), sent({}, { rule_id: 's' })], code)
      const seen: unknown[] = []
      evaluate(set, { t: 101 }, noRandom, ({ value }) => {
        seen.push(value, evaluate(set, { t: 0 }, noRandom, noRandom))
      })
      assert.deepEqual(seen, [101, 'pass', 101, 'pass'])
    })

    it('counts the values that did not convert, by rule', () => {
      const { set } = compileRules([sent(), sent({ any: all({ ...hot, field: ['r', '*'] }) })], code)
      for (const t of ['x', 'y', 5, null]) evaluate(set, { t, r: ['z', 101] }, noRandom, () => {})
      assert.deepEqual(
        set.rules.map(({ counts }) => counts.unconverted),
        [2, 4],
      )
    })

    it('sees own fields only', () => {
      const rule = (field: string) => sent({ any: all({ field: [field], op: 'exists' }) })
      const inherited = Object.assign(Object.create({ t: 1 }) as object, { own: 1 })
      class Job {
        own = 1
        get t() {
          return 1
        }
      }
      const bare = Object.assign(Object.create(null) as object, { own: 1 })
      for (const record of [inherited, new Job(), bare]) {
        assert.deepEqual(
          [checked([rule('t')], record).action, checked([rule('own')], record).action],
          ['pass', 'observe'],
        )
      }
      for (const field of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
        assert.equal(checked([rule(field)], {}).action, 'pass')
        assert.equal(checked([rule(field)], JSON.parse(`{"${field}": 1}`)).action, 'observe')
      }
    })

    it('reads dates as text, sets as lists, and nothing inside bytes and maps', () => {
      const date = new Date('2026-01-31T08:00:00.120Z')
      const record = {
        date,
        whole: new Date('2026-01-31T08:00:00Z'),
        set: new Set([1, 7]),
        bytes: Buffer.from('ab'),
        map: new Map([['a', 1]]),
      }
      const action = (condition: object) => checked([sent({ any: all(condition) })], record).action
      const is = (field: unknown[], value: string) => action({ field, op: 'eq', field_type: 'text', value })
      assert.deepEqual(
        [is(['date'], '2026-01-31T08:00:00.12Z'), is(['whole'], '2026-01-31T08:00:00Z')],
        ['observe', 'observe'],
      )
      assert.deepEqual([is(['set', 1], '7'), is(['set', '*'], '7')], ['observe', 'observe'])
      for (const field of [
        ['bytes', '0'],
        ['bytes', 0],
        ['bytes', '*'],
        ['map', 'a'],
      ]) {
        assert.equal(action({ field, op: 'exists' }), 'pass')
      }
      assert.equal(
        checked([sent({ any: all({ field: ['d'], op: 'is_null' }) })], { d: new Date(Number.NaN) }).action,
        'observe',
      )
    })

    it('keeps nothing of a record once it is checked', () => {
      const { set } = compileRules([sent({ any: all({ field: ['a', '*'], op: 'exists' }) })], code)
      evaluate(set, { a: [{}] }, noRandom, () => {})
      assert.deepEqual(
        set.fields.all.map(field => field.value),
        [undefined, undefined],
      )
    })
  })
}

describe('compileRules', () => {
  it('leaves out a rule with a fault and says which', () => {
    const bad = { ...sent({}, { rule_id: 'bad', version: 4 }), any: [{ all: [] }] }
    const { set, faults } = compileRules([bad, sent()])
    assert.deepEqual(
      set.rules.map(({ rule }) => rule.rule_id),
      ['r'],
    )
    const message = '`any[0].all` must be a list of 1 to 32 conditions, got an array of 0'
    assert.deepEqual(faults, [{ rule_id: 'bad', version: 4, message }])
  })

  for (const odd of [{ action: undefined }, { sample_rate: Number.NaN }, { sample_rate: 2 }, { any: undefined }]) {
    it(`leaves out a rule with ${Object.keys(odd)[0]} ${String(Object.values(odd)[0])}`, () => {
      const rule = { ...sent(), ...odd } as unknown as ReturnType<typeof sent>
      assert.deepEqual([compileRules([rule]).set.rules.length, compileRules([rule]).faults.length], [0, 1])
    })
  }

  it('gives rules in the order in which they came', () => {
    const dear = sent({ any: all({ field: ['a', 'b'], op: 'exists' }) }, { rule_id: 'dear' })
    const { set } = compileRules([dear, sent()])
    assert.deepEqual(
      set.rules.map(({ rule }) => rule.rule_id),
      ['dear', 'r'],
    )
  })
})
