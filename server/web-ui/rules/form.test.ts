import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseRule } from '../../../core/rules/parse.ts'
import { actions, type RuleContent, ruleStates } from '../../../core/rules/rule.ts'
import { ruleSets } from '../../../test/rules/arbitrary-rules.ts'
import { defaultBudgets } from '../../store/budgets-store.ts'
import { ruleContent } from '../../store/rule-content.fake.ts'
import { html } from '../../ui/html.ts'
import { costWarnings } from './cost-view.ts'
import { checkDraft, draftOf, readDraft, turnDraft } from './draft.ts'
import { editBody } from './edit-view.ts'
import { emptyForm, faultsByField, formOf, readRuleForm, valueOfForm } from './form.ts'
import { addCondition, addGroup, editForm, removeCondition, removeGroup } from './form-edit.ts'
import { literalText, readLiteral } from './literal-text.ts'
import { sentForm } from './sent-form.fake.ts'
import { parseYaml, yamlOf, yamlOfForm } from './yaml-view.ts'

const someText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('</textarea><script>alert(1)</script>', '"', '\n a', 'a\tb', '\u202eevil', "' onfocus='x", '&amp;'),
)
const tag = fc.stringMatching(/^[a-z][a-z0-9:._-]{0,8}[a-z0-9]$/)

/** Rules that parseRule takes, as it gives them. */
const rules: fc.Arbitrary<RuleContent> = fc
  .record({
    sets: ruleSets,
    name: someText,
    description: someText,
    state: fc.constantFrom(...ruleStates),
    dry_run: fc.boolean(),
    action: fc.constantFrom(...actions),
    sample_rate: fc.oneof(fc.constantFrom(0, 1, 0.25), fc.double({ min: 0, max: 1, noNaN: true })),
    tags: fc.uniqueArray(tag, { maxLength: 3 }),
    exclude_tags: fc.uniqueArray(tag, { maxLength: 2 }),
    value: someText,
  })
  .map(({ sets, tags, exclude_tags, value, ...rest }) => {
    const condition = { field: ['a', value], op: 'in', field_type: 'any', value: [value, 'true', '7', ''] }
    const any = [...sets[0]!.any, { all: [condition, { ...condition, op: 'eq', value }] }]
    return parseRule({ ...ruleContent(), ...rest, scope: { tags, exclude_tags }, any }).rule
  })
  .filter(rule => rule !== undefined)

/** The editor's page of a rule, and what a browser sends of it. */
function sendEditor(rule: RuleContent, view: 'form' | 'yaml', button = 'save') {
  const draft = draftOf(rule, view)
  const page = editBody({
    ...{ action: '/rules/new', title: 'New rule', csrf: html``, draft, checked: { rule, faults: [] } },
    ...{ tellFaults: false, record: '', others: [], budgets: defaultBudgets },
  })
  const sent = sentForm(String(page), '/rules/new', button).toString()
  return readDraft(new URLSearchParams(sent))
}

describe('the editor of a rule', () => {
  for (const view of ['form', 'yaml'] as const) {
    it(`gives back every rule that goes through its page as ${view}`, () => {
      fc.assert(
        fc.property(rules, rule => {
          const draft = sendEditor(rule, view)
          const stored = { ruleId: '', state: rule.state }
          assert.deepEqual(checkDraft(draft, stored, defaultBudgets), { rule, faults: [] })
        }),
        { numRuns: 300 },
      )
    })
  }

  it('turns a rule to YAML and back into the same rule', () => {
    fc.assert(
      fc.property(rules, rule => {
        const form = draftOf(rule, 'form')
        const yaml = turnDraft(form, 'to-yaml', { rule, faults: [] })
        assert.equal(yaml.view, 'yaml')
        assert.deepEqual(turnDraft(yaml, 'to-form', { rule, faults: [] }), form)
        assert.deepEqual(parseYaml(yamlOf(rule)), { rule })
      }),
      { numRuns: 200 },
    )
  })

  it('keeps a form that is no rule yet as YAML, and YAML that is no rule as it is', () => {
    const form = { ...emptyForm, name: 'half', tags: 'a b', sample_rate: 'often' }
    const draft = { view: 'form', form } as const
    const checked = checkDraft(draft, undefined, defaultBudgets)
    assert.deepEqual(turnDraft(draft, 'to-yaml', checked), { view: 'yaml', yaml: yamlOfForm(form) })
    assert.match(yamlOfForm(form), /sample_rate: often/)
    const wrong = { view: 'yaml', yaml: 'name: [' } as const
    assert.equal(turnDraft(wrong, 'to-form', checkDraft(wrong, undefined, defaultBudgets)), wrong)
  })

  it('refuses a rule that is too dear, at its groups', () => {
    const field = ['a', '*', 'b', '*', 'c']
    const dear = { ...ruleContent().any[0]!.all[0]!, field }
    const any = Array.from({ length: 20 }, () => ({ all: [dear] }))
    const { faults } = checkDraft(draftOf(ruleContent({ any }), 'form'), undefined, defaultBudgets)
    assert.equal(faults[0]?.path, 'any')
    assert.match(faults[0]!.message, /at most 50,000, got 65,280/)
  })

  it('warns of a rule that is dear, and of rules of one set of tags that are', () => {
    const dear = { ...ruleContent().any[0]!.all[0]!, field: ['a', '*', 'b', '*', 'c'] }
    const costing = (conditions: number) =>
      ruleContent({ any: [{ all: Array.from({ length: conditions }, () => dear) }] })
    const stored = (content: RuleContent) => ({ ...content, rule_id: '', version: 1, created_at: '' })
    assert.deepEqual(costWarnings(costing(1), [], defaultBudgets), [])
    assert.match(costWarnings(costing(2), [], defaultBudgets).join(), /score of 6,528 is above 5,000/)
    const others = Array.from({ length: 31 }, () => stored(costing(1)))
    assert.match(costWarnings(ruleContent(), others, defaultBudgets).join(), /score of 101,195 in all, above 100,000/)
    const elsewhere = others.map(other => ({ ...other, scope: { tags: ['other'], exclude_tags: [] } }))
    const idle = others.map(other => ({ ...other, state: 'disabled' as const }))
    assert.deepEqual(costWarnings(ruleContent(), [...elsewhere, ...idle], defaultBudgets), [])
  })

  it('reads no YAML that is too long for a rule', () => {
    assert.match(parseYaml('#'.repeat(300_000)).faults![0]!, /at most 262144 characters of YAML, got 300000/)
  })

  for (const { from, to, may } of [
    { from: undefined, to: 'draft', may: true },
    { from: undefined, to: 'active', may: true },
    { from: undefined, to: 'disabled', may: false },
    { from: 'active', to: 'disabled', may: true },
    { from: 'active', to: 'draft', may: false },
    { from: 'disabled', to: 'active', may: true },
    { from: 'draft', to: 'disabled', may: false },
  ] as const) {
    it(`${may ? 'lets' : 'does not let'} a rule that is ${from ?? 'new'} become ${to}`, () => {
      const stored = from && { ruleId: '', state: from }
      const { faults } = checkDraft(draftOf(ruleContent({ state: to }), 'form'), stored, defaultBudgets)
      assert.deepEqual(
        faults.map(({ path }) => path),
        may ? [] : ['state'],
      )
    })
  }
})

describe('faultsByField', () => {
  it('tells each fault at its field, and keeps what was typed', () => {
    const fields = new URLSearchParams({
      ...{ name: '', action: 'destroy', sample_rate: 'often', 'scope.tags': 'ok b@d', 'any[0]': '' },
      ...{ 'any[0].all[0].field': 'a..b', 'any[0].all[0].op': 'gt', 'any[0].all[0].field_type': 'text' },
      ...{ 'any[0].all[0].value': 'much', 'any[1]': '' },
    })
    const form = readRuleForm(fields)
    const byField = faultsByField(form, parseRule(valueOfForm(form)).faults ?? [])
    assert.deepEqual([...byField.keys()].sort(), [
      'action',
      'any[0].all[0].field',
      'any[0].all[0].field_type',
      'any[0].all[0].on_coercion_fail',
      'any[0].all[0].on_missing_field',
      'any[1]',
      'name',
      'sample_rate',
      'scope.tags',
    ])
    assert.equal(form.any[0]![0]!.value, 'much')
    assert.equal(form.sample_rate, 'often')
  })

  it('reads no more groups and conditions than can be told to be too many', () => {
    const fields = new URLSearchParams()
    for (let group = 0; group < 40; group++) fields.append(`any[${group}]`, '')
    for (let at = 0; at < 40; at++) fields.append(`any[0].all[${at}].field`, 'a')
    const form = readRuleForm(fields)
    assert.deepEqual([form.any.length, form.any[0]!.length], [33, 33])
    const paths = parseRule(valueOfForm(form)).faults!.map(({ path }) => path)
    assert.ok(paths.includes('any'))
  })
})

describe('editForm', () => {
  const form = formOf(ruleContent())
  const sizes = (button: string) => editForm(form, button)?.any.map(all => all.length)

  it('adds and removes groups and conditions', () => {
    assert.deepEqual(sizes(addGroup), [1, 1])
    assert.deepEqual(sizes(addCondition(0)), [2])
    assert.deepEqual(sizes(removeGroup(0)), [])
    assert.deepEqual(sizes(removeCondition(0, 0)), [0])
    assert.deepEqual(sizes('add-condition 7'), [1])
    assert.equal(editForm(form, 'save'), undefined)
  })
})

describe('the text of a literal', () => {
  for (const { type, op = 'eq', text, value } of [
    { type: 'text', text: 'plain', value: 'plain' },
    { type: 'text', text: '  blanks are seen between quotes only  ', value: 'blanks are seen between quotes only' },
    { type: 'text', text: '" a "', value: ' a ' },
    { type: 'text', text: '""', value: '' },
    { type: 'text', text: '"half', value: '"half' },
    { type: 'text', text: '  ', value: undefined },
    { type: 'any', text: '7', value: 7 },
    { type: 'any', text: '"7"', value: '7' },
    { type: 'any', text: '007', value: '007' },
    { type: 'any', text: 'true', value: true },
    { type: 'any', text: '"true"', value: 'true' },
    { type: 'boolean', text: 'false', value: false },
    { type: 'boolean', text: 'nein', value: 'nein' },
    { type: 'numeric', text: '12', value: '12' },
    { type: 'any', op: 'in', text: '1\r\n\r\n2', value: [1, 2] },
    { type: 'text', op: 'in', text: 'a\n"b\\nc"', value: ['a', 'b\nc'] },
  ]) {
    it(`${JSON.stringify(text)} of ${op} ${type} is ${JSON.stringify(value)}`, () => {
      assert.deepEqual(readLiteral(text, op, type), value)
    })
  }

  it('shows what cannot be seen as an escape', () => {
    assert.equal(literalText({ value: 'a\u202eb\n', field_type: 'text' }), '"a\\u202eb\\n"')
  })
})
