import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { mayBecome } from '../../../core/rules/lifecycle.ts'
import { contentOf, type Rule, type RuleContent } from '../../../core/rules/rule.ts'
import type { RuleVersion } from '../../store/rules-store.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { costFault } from './cost-view.ts'
import { type RuleParts, rulePath, storedRule } from './rule-parts.ts'
import { ruleBody } from './rule-view.ts'
import { versionsBody } from './versions-view.ts'

/** One rule, its versions, and the changes that need no editor. */
export function ruleRoutesOf(parts: RuleParts): readonly Route[] {
  const { store } = parts

  async function show(request: PageRequest): Promise<Answer> {
    const rule = await storedRule(parts, request)
    const { rules, budgets: budgetsStore } = store
    const asked = [rules.versions(rule.rule_id), rules.list(), budgetsStore.get()] as const
    const [[latest], all, budgets] = await Promise.all(asked)
    const others = all.filter(({ rule_id }) => rule_id !== rule.rule_id)
    const { csrf, query } = request
    const mayEdit = request.may('editor')
    const body = ruleBody({ rule, latest: latest!, others, budgets, mayEdit, csrf, done: query.get('done') })
    return { page: { title: rule.name, current: '/', body } }
  }

  async function showVersions(request: PageRequest): Promise<Answer> {
    const { params, query, csrf } = request
    const ruleId = params['id']!
    const [versions, rule] = await Promise.all([store.rules.versions(ruleId), store.rules.get(ruleId)])
    const newest = versions[0]
    if (!newest)
      throw new PulltraceError(Code.NotFound, 'there is no such rule', { fix: 'look for it in the list of rules' })
    const to = versionIn(versions, query.get('to')) ?? newest
    const from = versionIn(versions, query.get('from')) ?? versions[1] ?? newest
    const mayEdit = request.may('editor')
    const body = versionsBody({ ruleId, versions, from, to, isDeleted: !rule, mayEdit, csrf })
    return { page: { title: `Versions of ${newest.rule.name}`, current: '/', body } }
  }

  async function changeState(request: PageRequest): Promise<Answer> {
    const rule = await storedRule(parts, request)
    return storeAs(request, rule, { ...contentOf(rule), ...stateChange(rule, request.form.get('to') ?? '') })
  }

  async function rollBack(request: PageRequest): Promise<Answer> {
    const rule = await storedRule(parts, request)
    const old = versionIn(await store.rules.versions(rule.rule_id), request.form.get('version'))
    if (!old) throw badChoice('version', `a version of this rule, 1 to ${rule.version}`, request.form.get('version'))
    // A life goes on: what was a draft then may be in force by now.
    return storeAs(request, rule, { ...contentOf(old.rule), state: rule.state })
  }

  async function storeAs(request: PageRequest, rule: Rule, content: RuleContent): Promise<Answer> {
    const dear = content.state === 'active' ? costFault(content, await store.budgets.get()) : undefined
    if (dear) throw new PulltraceError(Code.Invalid, dear.message)
    const change = { kind: 'update', ruleId: rule.rule_id, basedOn: basedOnOf(request), content } as const
    const [stored] = await store.rules.change([change], request.actor)
    return { seeOther: `${rulePath(rule.rule_id)}?done=saved-${stored!.version}` }
  }

  async function remove(request: PageRequest): Promise<Answer> {
    const { rule_id: ruleId } = await storedRule(parts, request)
    await store.rules.change([{ kind: 'delete', ruleId, basedOn: basedOnOf(request) }], request.actor)
    return { seeOther: '/' }
  }

  return [
    { method: 'GET', path: '/rules/:id', role: 'viewer', handle: show },
    { method: 'GET', path: '/rules/:id/versions', role: 'viewer', handle: showVersions },
    { method: 'POST', path: '/rules/:id/state', role: 'editor', handle: changeState },
    { method: 'POST', path: '/rules/:id/rollback', role: 'editor', handle: rollBack },
    { method: 'POST', path: '/rules/:id/delete', role: 'editor', handle: remove },
  ]
}

const versionIn = (versions: readonly RuleVersion[], text: string | null): RuleVersion | undefined =>
  versions.find(({ rule }) => String(rule.version) === text)

function stateChange({ state }: Rule, to: string): Partial<RuleContent> {
  if (to === 'dry-run-on') return { dry_run: true }
  if (to === 'dry-run-off') return { dry_run: false }
  if ((to === 'active' || to === 'disabled') && mayBecome(state, to)) return { state: to }
  throw badChoice('to', `a state that a rule which is ${state} can go to, or dry-run-on or dry-run-off`, to)
}

function basedOnOf({ form }: PageRequest): number {
  const text = form.get('based_on')
  if (/^[1-9]\d{0,15}$/.test(text ?? '')) return Number(text)
  throw badChoice('based_on', 'the version that is changed', text)
}

const badChoice = (path: string, bound: string, seen: string | null) =>
  new PulltraceError(Code.Invalid, `\`${path}\` must be ${bound}`, {
    ...{ path, bound, seen: (seen ?? 'nothing').slice(0, 80) },
    fix: 'open the rule again and use its buttons',
  })
