import assert from 'node:assert/strict'
import { defaultBudgets } from '../../store/budgets-store.ts'
import { html } from '../../ui/html.ts'
import { checkDraft } from './draft.ts'
import { editBody } from './edit-view.ts'
import { faultWords, placeWords } from './fault-words.ts'
import { conditionFields, emptyCondition, emptyForm, type RuleForm } from './form.ts'

describe('placeWords', () => {
  for (const [path, words] of [
    ['name', 'Name'],
    ['scope.tags', 'Tags'],
    ['scope.exclude_tags[1]', 'Excluded tag 2'],
    ['any', 'The groups'],
    ['any[1]', 'Group 2'],
    ['any[1].all', 'Group 2'],
    ['any[1].all[2]', 'Group 2, condition 3'],
    ['any[0].all[0].field', 'Group 1, condition 1: field'],
    ['any[0].all[0].field[4]', 'Group 1, condition 1: field, part 5'],
    ['any[0].all[0].value[9]', 'Group 1, condition 1: value, item 10'],
    ['', undefined],
    ['mask', undefined],
    ['any[0].all[0].constructor', undefined],
    ['toString', undefined],
  ] as const) {
    it(`says of '${path}' ${words ?? 'nothing'}`, () => assert.equal(placeWords(path), words))
  }

  it('has words for every field of a condition', () => {
    for (const field of conditionFields) assert.ok(placeWords(`any[0].all[0].${field}`), field)
  })
})

describe('the editor of a rule that is not right', () => {
  /** What the editor says of a form, and of faults that are not of its fields. */
  function pageOf(form: RuleForm, more: readonly { readonly path: string; readonly message: string }[] = []): string {
    const draft = { view: 'form', form } as const
    const faults = [...checkDraft(draft, undefined, defaultBudgets).faults, ...more]
    const page = editBody({
      ...{ action: '/rules/new', title: 'New rule', csrf: html``, draft, checked: { faults } },
      ...{ tellFaults: true, record: '', others: [], budgets: defaultBudgets },
    })
    return String(page)
  }
  const faultAt = (page: string, id: string) =>
    new RegExp(`<span class="fault" id="${id}-fault">(.*?)</span>`).exec(page)?.[1]
  const textOf = (page: string) => page.replaceAll(/<[^>]*>/g, ' ')

  const wrong: RuleForm = {
    ...{ ...emptyForm, name: 'x', tags: 'ok b@d' },
    any: [
      [{ ...emptyCondition, field: 'a..b', op: 'in', field_type: 'numeric', value: '1\nmuch' }],
      [{ ...emptyCondition, field: 'a', field_ref: 'b', value: '7' }],
      [],
    ],
  }

  it('tells each fault once, at its control, in words', () => {
    const page = pageOf(wrong)
    const at = {
      'f-scope-tags': /^Tag 2 must be /,
      'f-any-0-all-0-field': /^Group 1, condition 1: field must be /,
      'f-any-0-all-0-value': /^Group 1, condition 1: value, item 2 must be /,
      'f-any-1-all-0-value': /^Group 2, condition 1: value must be absent beside a second field, /,
      'f-any-2': /^Group 3 must be a list of 1 to 32 conditions, /,
    }
    for (const [id, words] of Object.entries(at)) {
      const told = faultAt(page, id)
      assert.match(told ?? '', words)
      assert.equal(page.split(told!).length - 1, 1, `once: ${told}`)
    }
    assert.equal(page.match(/<span class="fault"/g)?.length, 5)
    assert.match(textOf(page), /5 things are not right yet; nothing was stored/)
    assert.doesNotMatch(textOf(page), /any\[|\.all|scope\.|`/, 'no inner path')
  })

  it('leads to the first of them', () => {
    const href = /<div class="notice bad" role="alert">.*?href="#([^"]+)"/s.exec(pageOf(wrong))?.[1]
    assert.equal(href, 'f-scope-tags')
    const dear = /<div class="notice bad" role="alert">.*?href="#([^"]+)"/s.exec(
      pageOf({ ...emptyForm, name: 'x', any: [] }),
    )?.[1]
    assert.ok(pageOf({ ...emptyForm, name: 'x', any: [] }).includes(`id="${dear}"`), 'there is such a place')
  })

  it('tells above the form what belongs to no control of it, once', () => {
    const large = { path: '', message: 'a rule must be at most 65536 bytes of JSON, got 70000' }
    const unknown = { path: 'mask', message: '`mask` must be absent, got true' }
    const page = pageOf(wrong, [large, unknown])
    const notice = /<div class="notice bad" role="alert">(.*?)<\/div>/s.exec(page)![1]!
    for (const { message } of [large, unknown]) {
      assert.ok(notice.includes(message))
      assert.equal(page.split(message).length, 2, 'once')
    }
    assert.match(notice, /7 things/)
    assert.equal(notice.match(/<li>/g)?.length, 2)
  })
})

describe('faultWords', () => {
  it('adds what mends it', () => {
    const fault = { path: 'action', message: "`action` must be one of 'drop', got 'dorp'", fix: "did you mean 'drop'?" }
    assert.equal(faultWords(fault), "Action must be one of 'drop', got 'dorp': did you mean 'drop'?")
  })
})
