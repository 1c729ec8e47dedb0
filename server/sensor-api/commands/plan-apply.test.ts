import assert from 'node:assert/strict'
import { type ParsedExport, parseExportedRule } from '../../../core/rules/parse.ts'
import type { Rule, RuleContent } from '../../../core/rules/rule.ts'
import type { FileRule } from '../../rule-files/rule-file.ts'
import { changesOf, planApply } from './plan-apply.ts'

const content = (name: string, more: object = {}): RuleContent => {
  const any = [{ all: [{ field: ['a'], op: 'exists' }] }]
  const parsed: ParsedExport = parseExportedRule({ name, action: 'observe', scope: { tags: [] }, any, ...more })
  assert.ok(parsed.rule, JSON.stringify(parsed.faults))
  return parsed.rule
}
const stored = (rule_id: string, name: string, more: object = {}): Rule => ({
  ...content(name, more),
  rule_id,
  version: 3,
  created_at: '2026-01-31T08:00:00Z',
})
let line = 0
const inFile = (name: string, ruleId?: string, more: object = {}): FileRule => ({
  at: `f:${++line}:1`,
  content: content(name, more),
  ruleId,
})
const update = { existing: 'update', prune: false } as const

describe('planApply', () => {
  const did = (files: FileRule[], rules: Rule[], mode: Parameters<typeof planApply>[2] = update) => {
    const { steps, faults } = planApply(files, rules, mode)
    assert.deepEqual(faults, [])
    return steps.map(step => `${step.do} ${'old' in step ? step.old.rule_id : step.content.name}`)
  }

  for (const { name, files, rules, want } of [
    { name: 'nothing of nothing', files: [], rules: [], want: [] },
    { name: 'a new rule', files: [inFile('a')], rules: [], want: ['create a'] },
    { name: 'the same rule by its name', files: [inFile('a')], rules: [stored('1', 'a')], want: ['keep 1'] },
    {
      name: 'a changed rule by its name',
      files: [inFile('a', undefined, { action: 'drop' })],
      rules: [stored('1', 'a')],
      want: ['update 1'],
    },
    {
      name: 'a rule by its id though another has its name',
      files: [inFile('b', '1')],
      rules: [stored('1', 'a'), stored('2', 'b')],
      want: ['update 1'],
    },
    {
      name: 'a rule of another server by its name',
      files: [inFile('a', '9')],
      rules: [stored('1', 'a')],
      want: ['keep 1'],
    },
    {
      name: 'two of one name, each by its id',
      files: [inFile('a', '1'), inFile('a', '2')],
      rules: [stored('1', 'a'), stored('2', 'a')],
      want: ['keep 1', 'keep 2'],
    },
    { name: 'rules of no file', files: [inFile('a')], rules: [stored('1', 'a'), stored('2', 'b')], want: ['keep 1'] },
  ]) {
    it(`finds ${name}`, () => assert.deepEqual(did(files, rules), want))
  }

  it('keeps what is there when it only adds', () => {
    const files = [inFile('a', undefined, { action: 'drop' }), inFile('b')]
    assert.deepEqual(did(files, [stored('1', 'a')], { existing: 'keep', prune: false }), ['keep 1', 'create b'])
  })

  for (const { name, files, rules, want } of [
    {
      name: 'a name that several have',
      files: [inFile('a')],
      rules: [stored('1', 'a'), stored('2', 'a')],
      want: /2 rules have the name "a": say which by `rule_id` \(1, 2\)/,
    },
    {
      name: 'a new rule twice',
      files: [inFile('a'), inFile('a')],
      rules: [],
      want: /"a" is the same rule as at f:\d+:1/,
    },
    {
      name: 'one rule by id and by name',
      files: [inFile('b', '1'), inFile('a')],
      rules: [stored('1', 'a')],
      want: /is the same rule as at/,
    },
  ]) {
    it(`refuses ${name}`, () => assert.match(planApply(files, rules, update).faults.join(), want))
  }
})

describe('changesOf', () => {
  it('disables an active rule before it deletes it', () => {
    const { steps } = planApply([inFile('z')], [stored('1', 'a', { state: 'active' }), stored('2', 'b')], {
      existing: 'update',
      prune: true,
    })
    const changes = changesOf(steps).map(change => ({
      ...change,
      content: 'content' in change ? change.content.state : undefined,
    }))
    assert.deepEqual(changes, [
      { kind: 'create', content: 'draft' },
      { kind: 'update', ruleId: '1', basedOn: 3, content: 'disabled' },
      { kind: 'delete', ruleId: '1', basedOn: 4, content: undefined },
      { kind: 'delete', ruleId: '2', basedOn: 3, content: undefined },
    ])
  })
})
