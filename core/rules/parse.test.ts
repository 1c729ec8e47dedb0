import assert from 'node:assert/strict'
import fc from 'fast-check'
import { all, aRule } from './build.fake.ts'
import { canonicalJson } from './etag.ts'
import { limits } from './limits.ts'
import { parseExportedRule, parseRule } from './parse.ts'

const t = { field: ['t'], op: 'gt', field_type: 'numeric', value: 1 }
const content = (more: object = {}) => ({ name: 'r', action: 'observe', scope: { tags: [] }, any: all(t), ...more })
const faultsOf = (value: unknown) => parseRule(value).faults ?? []
const pathsOf = (value: unknown) => faultsOf(value).map(({ path }) => path)
const many = <T>(count: number, item: T) => Array.from({ length: count }, () => item)

describe('parseRule', () => {
  it('fills in what an author may leave out', () => {
    assert.deepEqual(parseRule(content()).rule, {
      ...{ schema_version: 1, name: 'r', description: '', state: 'draft', dry_run: false, action: 'observe' },
      ...{ sample_rate: 1, scope: { tags: [], exclude_tags: [] } },
      any: [{ all: [{ ...t, on_missing_field: 'skip', on_coercion_fail: 'skip' }] }],
    })
  })

  it('takes `error` for `fail`, and a path as people write it', () => {
    const rule = parseRule(content({ action: 'error', any: all({ ...t, field: 'a["x.y"][*]' }) })).rule
    assert.deepEqual([rule?.action, rule?.any[0]?.all[0]?.field], ['fail', ['a', 'x.y', '*']])
  })

  it('stores `any` where the type means nothing, and each tag once', () => {
    const any = all({ field: ['a'], op: 'exists', field_type: 'text' }, { field: ['a'], op: 'is_null' })
    const rule = parseRule(content({ any, scope: { tags: ['a', 'b', 'a'] } })).rule
    assert.deepEqual(
      rule?.any[0]?.all.map(({ field_type }) => field_type),
      ['any', 'any'],
    )
    assert.deepEqual(rule?.scope.tags, ['a', 'b'])
  })

  it('names every fault at its place', () => {
    const bad = {
      ...{
        schema_version: 2,
        name: '',
        description: 'a\u0000',
        state: 'on',
        dry_run: 1,
        action: 'explode',
        colour: 'red',
      },
      ...{ sample_rate: 1.1, scope: { tags: ['a b'], exclude_tags: 'x' }, mask: ['/a'] },
      any: [
        {
          all: [
            { ...t, op: 'gtt' },
            { ...t, value: 'x' },
          ],
        },
        { all: [] },
        7,
      ],
    }
    assert.deepEqual(pathsOf(bad), [
      ...['colour', 'schema_version', 'name', 'description', 'state', 'dry_run', 'action', 'sample_rate'],
      ...[
        'scope.tags[0]',
        'scope.exclude_tags',
        'mask',
        'any[0].all[0].op',
        'any[0].all[1].value',
        'any[1].all',
        'any[2]',
      ],
    ])
  })

  it('says what is wrong, the bound, what it saw and what to do', () => {
    assert.deepEqual(faultsOf(content({ any: all({ ...t, op: 'eq', value: 2 ** 53 }) })), [
      {
        path: 'any[0].all[0].value',
        message:
          '`any[0].all[0].value` must be from -9007199254740991 to 9007199254740991 when it is a whole number, got 9007199254740992',
        bound: 'from -9007199254740991 to 9007199254740991 when it is a whole number',
        seen: '9007199254740992',
        fix: 'compare as text: field_type text, and the digits in quotes',
      },
    ])
    const [near] = faultsOf(content({ desription: '' }))
    assert.equal(near?.fix, "did you mean 'description'?")
    const [word] = faultsOf(content({ any: all({ ...t, op: 'contain' }) }))
    assert.equal(word?.fix, "did you mean 'contains'?")
  })

  it('says what to write to who leaves out the group around conditions', () => {
    for (const group of [t, [t], { ...t, value: undefined }]) {
      const faults = faultsOf(content({ any: [group] }))
      assert.equal(faults.length, 1)
      assert.equal(faults[0]?.message, '`any[0].all` must be a list of conditions, got nothing')
      assert.equal(faults[0]?.fix, "put the conditions of a group under `all`: '- all: [{ field: a, op: exists }]'")
    }
  })

  const refused: readonly [what: string, value: unknown, path: string][] = [
    ['nothing', undefined, ''],
    ['a list', [], ''],
    ['no scope', content({ scope: undefined }), 'scope'],
    ['no tags', content({ scope: {} }), 'scope.tags'],
    ['no action', content({ action: undefined }), 'action'],
    ['a rate that is no number', content({ sample_rate: '0.5' }), 'sample_rate'],
    ['a rate of NaN', content({ sample_rate: Number.NaN }), 'sample_rate'],
    ['the id of a rule', content({ rule_id: '0190a000-0000-7000-8000-000000000000' }), 'rule_id'],
    ['a name of 129 characters', content({ name: '😀'.repeat(129) }), 'name'],
    ['a name of two lines', content({ name: 'a\nb' }), 'name'],
    ['half a surrogate pair in the name', content({ name: '\ud83d' }), 'name'],
    ['a description of 1,025 characters', content({ description: 'x'.repeat(1025) }), 'description'],
    ['33 tags', content({ scope: { tags: many(33, 'a') } }), 'scope.tags'],
    ['33 groups', content({ any: many(33, { all: [t] }) }), 'any'],
    ['33 conditions in a group', content({ any: all(...many(33, t)) }), 'any[0].all'],
    ['257 conditions', content({ any: [...many(8, { all: many(32, t) }), { all: [t] }] }), 'any'],
    ['a path of 65 segments', content({ any: all({ ...t, field: many(65, 'a') }) }), 'any[0].all[0].field'],
    ['an empty path', content({ any: all({ ...t, field: [] }) }), 'any[0].all[0].field'],
    ['a path that cannot be read', content({ any: all({ ...t, field: 'a..b' }) }), 'any[0].all[0].field'],
    ['an empty key', content({ any: all({ ...t, field: [''] }) }), 'any[0].all[0].field[0]'],
    ['a key of 257 characters', content({ any: all({ ...t, field: ['é'.repeat(257)] }) }), 'any[0].all[0].field[0]'],
    ['an index beyond 31 bits', content({ any: all({ ...t, field: ['a', 2 ** 31] }) }), 'any[0].all[0].field[1]'],
    ['a broken index', content({ any: all({ ...t, field: ['a', 0.5] }) }), 'any[0].all[0].field[1]'],
    ['an odd segment', content({ any: all({ ...t, field: [{ key: 'a' }] }) }), 'any[0].all[0].field[0]'],
    ['no type', content({ any: all({ ...t, field_type: undefined }) }), 'any[0].all[0].field_type'],
    ['a literal for exists', content({ any: all({ field: ['a'], op: 'exists', value: 1 }) }), 'any[0].all[0].value'],
    [
      'a second field for `in`',
      content({ any: all({ ...t, op: 'in', value: [1], field_ref: ['b'] }) }),
      'any[0].all[0].field_ref',
    ],
    ['no literal', content({ any: all({ ...t, value: undefined }) }), 'any[0].all[0].value'],
    ['NaN', content({ any: all({ ...t, value: Number.NaN }) }), 'any[0].all[0].value'],
    ['a list where a value belongs', content({ any: all({ ...t, value: [1] }) }), 'any[0].all[0].value'],
    ['a text that is no number', content({ any: all({ ...t, value: '1x' }) }), 'any[0].all[0].value'],
    [
      'a text for a boolean',
      content({ any: all({ ...t, op: 'eq', field_type: 'boolean', value: 'true' }) }),
      'any[0].all[0].value',
    ],
    ['1,001 items', content({ any: all({ ...t, op: 'in', value: many(1001, 1) }) }), 'any[0].all[0].value'],
    ['items of booleans', content({ any: all({ ...t, op: 'in', value: [true] }) }), 'any[0].all[0].value[0]'],
    ['an item of another kind', content({ any: all({ ...t, op: 'in', value: [1, '2'] }) }), 'any[0].all[0].value[1]'],
    [
      'an item that is no number',
      content({ any: all({ ...t, op: 'in', value: ['1', 'x'] }) }),
      'any[0].all[0].value[1]',
    ],
    [
      'a long search',
      content({ any: all({ ...t, op: 'contains', field_type: 'text', value: 'x'.repeat(4097) }) }),
      'any[0].all[0].value',
    ],
    [
      'a policy that does not exist',
      content({ any: all({ ...t, on_missing_field: null }) }),
      'any[0].all[0].on_missing_field',
    ],
    [
      'a rule of more than 64 KB',
      content({ any: many(32, { all: many(8, { ...t, field: many(30, 'k'.repeat(10)) }) }) }),
      '',
    ],
    [
      'items of more than 64 KB',
      content({ any: all({ ...t, op: 'in', field_type: 'text', value: many(1000, 'x'.repeat(70)) }) }),
      'any[0].all[0].value',
    ],
  ]
  for (const [what, value, path] of refused) {
    it(`refuses ${what}`, () => assert.deepEqual(pathsOf(value), [path]))
  }

  const literals: readonly [condition: object, value: unknown][] = [
    [{ op: 'gt', field_type: 'numeric', value: ' 1e2 ' }, 100],
    [{ op: 'eq', field_type: 'numeric', value: -0 }, 0],
    [{ op: 'gt', field_type: 'numeric', value: 1e300 }, 1e300],
    [{ op: 'gt', field_type: 'numeric', value: '9007199254740993' }, '9007199254740993'],
    [{ op: 'lt', field_type: 'numeric', value: 9_007_199_254_740_993n }, '9007199254740993'],
    [{ op: 'lt', field_type: 'numeric', value: 2n ** 60n }, 2 ** 60],
    [{ op: 'eq', field_type: 'text', value: 100 }, '100'],
    [{ op: 'eq', field_type: 'text', value: -0 }, '0'],
    [{ op: 'eq', field_type: 'text', value: true }, 'true'],
    [{ op: 'in', field_type: 'text', value: [1, 2] }, ['1', '2']],
    [{ op: 'in', field_type: 'numeric', value: ['1', '2.0'] }, [1, 2]],
    [{ op: 'in', field_type: 'any', value: ['1', 'x'] }, ['1', 'x']],
    [{ op: 'eq', field_type: 'any', value: '9007199254740993' }, '9007199254740993'],
  ]
  for (const [condition, value] of literals) {
    it(`keeps ${Object.values(condition).map(String).join(' ')} as ${JSON.stringify(value)}`, () => {
      const stored = aRule({ any: all({ field: ['a'], ...condition }) }).any[0]!.all[0]!.value
      assert.deepEqual([stored, Object.is(stored, -0)], [value, false])
    })
  }

  it('gives the same rule when it reads what it stored', () => {
    const any = literals.map(([condition]) => ({ all: [{ field: ['a'], ...condition }] }))
    const { rule } = parseRule(content({ any }))
    assert.deepEqual(parseRule(JSON.parse(canonicalJson(rule))).rule, rule)
  })

  it('tells no more than a hundred faults', () => {
    const any = many(32, { all: many(32, { ...t, field: many(3, '') }) })
    assert.equal(faultsOf(content({ any })).length, limits.faults)
  })

  it('answers anything with a rule or with faults', () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true })
    fc.assert(
      fc.property(fc.constantFrom('', 'any', 'condition', 'value', 'field'), anything, (where, odd) => {
        const condition = where === 'value' || where === 'field' ? { ...t, [where]: odd } : odd
        const rule = where === '' ? odd : content({ any: where === 'any' ? odd : all(condition as object) })
        const { rule: read, faults } = parseRule(rule)
        assert.ok(
          read ? faults === undefined : faults!.every(({ message }) => message.length > 10 && message.length < 1500),
        )
      }),
      { numRuns: 1000 },
    )
  })
})

describe('parseExportedRule', () => {
  const exported = { rule_id: '0190a000-0000-7000-8000-000000000000', version: 3, created_at: '2026-01-31T08:00:00.5Z' }

  it('returns what the export says beside the content', () => {
    const { rule, faults, ...beside } = parseExportedRule({ ...content(), ...exported })
    assert.deepEqual([faults, beside], [undefined, exported])
    assert.deepEqual(rule, parseRule(content()).rule)
  })

  it('needs none of it', () => assert.deepEqual(Object.keys(parseExportedRule(content())), ['rule']))

  it('refuses what no export has', () => {
    const bad = { rule_id: 'x', version: 0, created_at: '2026-13-31T08:00:00Z' }
    const faults = parseExportedRule({ ...content(), ...bad }).faults ?? []
    assert.deepEqual(
      faults.map(({ path }) => path),
      ['rule_id', 'version', 'created_at'],
    )
  })
})
