import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { explain } from '../../../core/rules/explain.ts'
import { contentOf, type Rule, type RuleContent } from '../../../core/rules/rule.ts'
import { type Content, html } from '../../ui/html.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { backtest } from './backtest.ts'
import { backtestView } from './backtest-view.ts'
import { conflictNotice } from './conflict-view.ts'
import { type CheckedDraft, checkDraft, type Draft, draftOf, readDraft, turnDraft } from './draft.ts'
import { type EditView, editBody } from './edit-view.ts'
import { explainView } from './explain-view.ts'
import { emptyForm } from './form.ts'
import { mergeRules } from './merge.ts'
import { parseRecord, tooMuchToExplain } from './record.ts'
import { maxFormBytes, type RuleParts, rulePath, storedRule } from './rule-parts.ts'
import { yamlOfForm } from './yaml-view.ts'

/** Making and changing a rule: what is sent comes back with its faults until it is a rule. */
export function editRoutes(parts: RuleParts): readonly Route[] {
  const { store } = parts

  async function page(
    request: PageRequest,
    view: Omit<EditView, 'csrf' | 'others' | 'budgets'>,
    status = 200,
  ): Promise<Answer> {
    const { csrf, params } = request
    const [all, budgets] = await Promise.all([store.rules.list(), store.budgets.get()])
    const others = all.filter(rule => rule.rule_id !== params['id'])
    return { page: { title: view.title, current: '/', body: editBody({ ...view, csrf, others, budgets }) }, status }
  }

  const newView = (draft: Draft, checked: CheckedDraft) =>
    ({ action: '/rules/new', title: 'New rule', draft, checked, tellFaults: false, record: '' }) as const

  async function showNew(request: PageRequest): Promise<Answer> {
    const draft: Draft =
      request.query.get('view') === 'yaml'
        ? { view: 'yaml', yaml: yamlOfForm(emptyForm) }
        : { view: 'form', form: emptyForm }
    return page(request, newView(draft, checkDraft(draft, undefined, await store.budgets.get())))
  }

  async function sendNew(request: PageRequest): Promise<Answer> {
    const draft = readDraft(request.form)
    const budgets = await store.budgets.get()
    const checked = checkDraft(draft, undefined, budgets)
    if (request.form.get('do') === 'save' && checked.rule) {
      const [rule] = await store.rules.change([{ kind: 'create', content: checked.rule }], request.actor)
      return { seeOther: `${rulePath(rule!.rule_id)}?done=created` }
    }
    return goOn(request, newView(draft, checked), turned => checkDraft(turned, undefined, budgets))
  }

  const editView = ({ rule_id, name }: Rule, basedOn: number, draft: Draft, checked: CheckedDraft) =>
    ({
      action: `${rulePath(rule_id)}/edit`,
      title: `Edit ${name}`,
      draft,
      checked,
      basedOn,
      tellFaults: false,
      record: '',
    }) as const

  async function showEdit(request: PageRequest): Promise<Answer> {
    const rule = await storedRule(parts, request)
    const content = contentOf(rule)
    const draft = draftOf(content, request.query.get('view') === 'yaml' ? 'yaml' : 'form')
    return page(request, editView(rule, rule.version, draft, { rule: content, faults: [] }))
  }

  async function sendEdit(request: PageRequest): Promise<Answer> {
    const { form, params, actor } = request
    const stored = await store.rules.get(params['id']!)
    const draft = readDraft(form)
    if (!stored) return deletedMeanwhile(request, draft)
    const basedOn = Number(form.get('based_on'))
    // The state that its author saw: the one of now may be another's.
    const base = await versionOf(stored, basedOn)
    const budgets = await store.budgets.get()
    const check = (one: Draft) => checkDraft(one, { ruleId: stored.rule_id, state: base.state }, budgets)
    const checked = check(draft)
    if (form.get('do') !== 'save' || !checked.rule) {
      return goOn(request, editView(stored, basedOn, draft, checked), check)
    }
    if (stored.version !== basedOn) return conflict(request, base, checked.rule, draft.view)
    try {
      const change = { kind: 'update', ruleId: stored.rule_id, basedOn, content: checked.rule } as const
      const [rule] = await store.rules.change([change], actor)
      return { seeOther: `${rulePath(stored.rule_id)}?done=saved-${rule!.version}` }
    } catch (reason) {
      const { code } = PulltraceError.from(reason)
      if (code === Code.NotFound) return deletedMeanwhile(request, draft)
      if (code !== Code.Conflict) throw reason
      return conflict(request, base, checked.rule, draft.view)
    }
  }

  async function versionOf(stored: Rule, version: number): Promise<Rule> {
    if (stored.version === version) return stored
    const found = (await store.rules.versions(stored.rule_id)).find(({ rule }) => rule.version === version)
    if (found) return found.rule
    throw new PulltraceError(Code.Invalid, 'the form must say which version of the rule it changes', {
      path: 'based_on',
      bound: `a version of this rule, 1 to ${stored.version}`,
      fix: 'open the rule and edit it again',
    })
  }

  /** 409: nothing is stored; the form goes on from both. */
  async function conflict(request: PageRequest, base: Rule, mine: RuleContent, view: Draft['view']): Promise<Answer> {
    const [theirs] = await store.rules.versions(base.rule_id)
    const stored = theirs!.rule
    const merged = mergeRules(contentOf(base), mine, contentOf(stored))
    const draft = draftOf(merged.content, view)
    const checked = checkDraft(draft, { ruleId: stored.rule_id, state: stored.state }, await store.budgets.get())
    const notice = conflictNotice({ base, mine, theirs: theirs!, merged })
    const edit = editView(stored, stored.version, draft, checked)
    return page(request, { ...edit, tellFaults: true, record: request.form.get('record') ?? '', notice }, 409)
  }

  async function deletedMeanwhile(request: PageRequest, draft: Draft): Promise<Answer> {
    const checked = checkDraft(draft, undefined, await store.budgets.get())
    const notice = html`<p class="notice warn" role="alert">Somebody deleted this rule meanwhile. Nothing that you wrote is lost: saving it now makes a new rule.</p>`
    return page(request, { ...newView(draft, checked), record: request.form.get('record') ?? '', notice }, 409)
  }

  /** What every button but a save that works comes to: the same form, as it was typed. */
  async function goOn(
    request: PageRequest,
    view: Omit<EditView, 'csrf' | 'others' | 'budgets'>,
    check: (draft: Draft) => CheckedDraft,
  ): Promise<Answer> {
    const { form, signal } = request
    const button = form.get('do') ?? 'check'
    const record = (form.get('record') ?? '').replaceAll('\r\n', '\n')
    const { draft, checked } = view
    const turned = turnDraft(draft, button, checked)
    const changesShape = /^(add|remove)-/.test(button)
    const tellFaults = !changesShape && !(button === 'to-yaml' && draft.view === 'form')
    let result: Content
    if (checked.rule && button === 'try') result = tryRecord(checked.rule, record)
    if (checked.rule && button === 'backtest') {
      result = backtestView(await backtest(checked.rule, { events: store.events, clock: parts.clock, signal }))
    }
    const isGood = button === 'check' && checked.rule !== undefined
    const notice =
      isGood && html`<p class="notice good" role="status">Nothing is wrong with it. It is not stored yet.</p>`
    const shown = turned === draft ? checked : check(turned)
    const status = button === 'save' ? 422 : 200
    return page(request, { ...view, draft: turned, checked: shown, tellFaults, record, notice, result }, status)
  }

  return [
    { method: 'GET', path: '/rules/new', role: 'editor', handle: showNew },
    { method: 'POST', path: '/rules/new', role: 'editor', maxFormBytes, handle: sendNew },
    { method: 'GET', path: '/rules/:id/edit', role: 'editor', handle: showEdit },
    { method: 'POST', path: '/rules/:id/edit', role: 'editor', maxFormBytes, handle: sendEdit },
  ]
}

/** What a rule makes of a record that somebody typed. */
export function tryRecord(rule: RuleContent, text: string): Content {
  if (text.trim() === '')
    return html`<p class="notice warn" role="alert">There is no record to try: put one in as JSON.</p>`
  const tooMuch = tooMuchToExplain(rule, text)
  const { record, fault } = tooMuch === undefined ? parseRecord(text) : { fault: tooMuch }
  if (fault !== undefined) return html`<p class="notice bad" role="alert">${fault}</p>`
  return html`<h2>Result</h2>${explainView(explain(rule, record), rule)}`
}
