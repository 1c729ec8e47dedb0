import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { parseRule } from '../../core/rules/parse.ts'
import { parseRuleFile } from './rule-file.ts'
import { rulesText } from './rule-text.ts'

const parse = (text: string) => parseRuleFile({ file: 'r.yaml', text })
const one = 'name: one\naction: drop\nscope: {tags: []}\nany: [{all: [{field: a, op: exists}]}]\n'

describe('parseRuleFile', () => {
  for (const { name, text, want } of [
    { name: 'one rule', text: one, want: ['r.yaml:1:1'] },
    { name: 'documents', text: `${one}---\n# nothing\n---\n${one}`, want: ['r.yaml:1:1', 'r.yaml:8:1'] },
    {
      name: 'a list',
      text: `- ${one.trim().replaceAll('\n', '\n  ')}\n- ${one.trim().replaceAll('\n', '\n  ')}`,
      want: ['r.yaml:1:3', 'r.yaml:5:3'],
    },
    { name: 'nothing', text: '', want: [] },
    { name: 'an empty list', text: '[]', want: [] },
  ]) {
    it(`reads ${name}`, () => {
      const { rules, faults } = parse(text)
      assert.deepEqual(faults, [])
      assert.deepEqual(
        rules.map(({ at }) => at),
        want,
      )
    })
  }

  it('takes every example of the guide', () => {
    const guide = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8')
    const examples = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text!)
    assert.equal(examples.length, 2)
    for (const example of examples) assert.deepEqual(parse(example).faults, [])
  })

  it('lets rules share what they have in common, by anchors', () => {
    const text = `- name: one\n  action: drop\n  scope: &s {tags: [a]}\n  any: &c [{all: [{field: a, op: exists}]}]\n- {name: two, action: drop, scope: *s, any: *c}\n`
    const { rules, faults } = parse(text)
    assert.deepEqual(faults, [])
    assert.deepEqual(rules[1]!.content.scope.tags, ['a'])
  })

  for (const { name, text, want } of [
    { name: 'a syntax error', text: 'name: [', want: /^r\.yaml:1:8: / },
    {
      name: 'a path without quotes, once',
      text: one.replace(/any:.*/s, 'any: [{ all: [{ field: pods[*].name, op: exists }] }]\n'),
      want: /^r\.yaml:\d+:\d+: a text with \[ must be in quotes here, as in 'a\[\*\]\.b'$/,
    },
    { name: 'a key twice', text: `${one}name: two\n`, want: /^r\.yaml:5:1: .*unique/ },
    { name: 'a text', text: 'just text', want: /^r\.yaml:1:1: a rule must be a map of fields/ },
    { name: 'an empty item', text: '- \n', want: /a rule must be a map of fields/ },
    {
      name: 'a rule by an alias',
      text: `- &a {${one.trim().replaceAll('\n', ', ')}}\n- *a\n`,
      want: /^r\.yaml:2:3: a rule must be a map/,
    },
    {
      name: 'aliases that grow without end',
      text: `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
      want: /^r\.yaml:1:1: .*alias/i,
    },
    {
      name: 'a number that JSON cannot hold',
      text: one.replace('op: exists', 'op: eq, field_type: numeric, value: 9007199254740993'),
      want: /r\.yaml:4:54: `any\[0\]\.all\[0\]\.value`/,
    },
  ]) {
    it(`names the place of ${name}`, () => {
      const { rules, faults } = parse(text)
      assert.equal(rules.length, name.includes('alias') && name.startsWith('a rule') ? 1 : 0)
      assert.match(faults[0]!, want)
    })
  }
})

describe('rulesText', function () {
  this.timeout(process.env['SOAK'] ? 180_000 : 20_000)
  const key = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.constantFrom('*', '3', 'a.b', 'x["y"]', '- ', '#', '~', 'null', '1e3'),
  )
  const segment = fc.oneof(key, fc.nat(), fc.constant({ key: '*' }))
  const path = fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .filter(path => path.filter(part => part === '*').length <= 2)
  const condition = fc.oneof(
    fc.record({
      field: path,
      op: fc.constantFrom('eq', 'neq'),
      field_type: fc.constant('text'),
      value: fc.string({ unit: 'binary', maxLength: 40 }),
      on_missing_field: fc.constantFrom('skip', 'fail'),
    }),
    fc.record({
      field: path,
      op: fc.constant('in'),
      field_type: fc.constant('any'),
      value: fc.array(fc.double({ noNaN: true, min: -1e15, max: 1e15 }), { minLength: 1, maxLength: 5 }),
    }),
    fc.record({ field: path, op: fc.constant('exists') }),
  )
  const rule = fc.record({
    name: fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    description: fc.string({ unit: 'binary', maxLength: 60 }),
    action: fc.constantFrom('observe', 'drop', 'fail'),
    scope: fc.constant({ tags: ['a:b', '1', 'true'] }),
    any: fc.array(fc.record({ all: fc.array(condition, { minLength: 1, maxLength: 3 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  })

  for (const format of ['yaml', 'json'] as const) {
    it(`as ${format} reads back as the same rules, and shows nothing unseen`, () => {
      fc.assert(
        fc.property(rule, input => {
          const { rule } = parseRule(input)
          fc.pre(rule !== undefined)
          const text = rulesText([rule], format)
          assert.doesNotMatch(text, /[\p{Cf}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u)
          const read = parse(text)
          assert.deepEqual(read.faults, [], text)
          assert.deepEqual(
            read.rules.map(({ content }) => content),
            [rule],
          )
        }),
        { numRuns: process.env['SOAK'] ? 5000 : 300 },
      )
    })
  }
})
