import type { RuleFault } from '../../../core/rules/faults.ts'
import { mayBecome, nextStates } from '../../../core/rules/lifecycle.ts'
import { parseRule } from '../../../core/rules/parse.ts'
import type { RuleContent, RuleState } from '../../../core/rules/rule.ts'
import type { CostBudgets } from '../../store/budgets-store.ts'
import { costFault } from './cost-view.ts'
import { formOf, type RuleForm, readRuleForm, valueOfForm } from './form.ts'
import { editForm } from './form-edit.ts'
import { parseYaml, yamlOf, yamlOfForm } from './yaml-view.ts'

/** A rule while it is written, in one of two views; it need not be right yet. */
export type Draft =
  | { readonly view: 'form'; readonly form: RuleForm }
  | { readonly view: 'yaml'; readonly yaml: string }

export interface CheckedDraft {
  readonly rule?: RuleContent | undefined
  /** At their fields; of the YAML view with line and column. */
  readonly faults: readonly RuleFault[]
}

export const draftOf = (rule: RuleContent, view: Draft['view']): Draft =>
  view === 'yaml' ? { view, yaml: yamlOf(rule) } : { view, form: formOf(rule) }

export function readDraft(fields: URLSearchParams): Draft {
  if (fields.get('view') !== 'yaml') return { view: 'form', form: readRuleForm(fields) }
  return { view: 'yaml', yaml: (fields.get('yaml') ?? '').replaceAll('\r\n', '\n') }
}

/** The rule that a draft is, or all that is wrong with it. `stored` is the rule that it changes. */
export function checkDraft(
  draft: Draft,
  stored: { readonly ruleId: string; readonly state: RuleState } | undefined,
  budgets: CostBudgets,
): CheckedDraft {
  const { rule, faults } = draft.view === 'form' ? parseRule(valueOfForm(draft.form)) : ruleOfYaml(draft.yaml, stored)
  if (!rule) return { faults: faults ?? [] }
  const dear = costFault(rule, budgets)
  // A new one begins as a draft, or active.
  const from = stored?.state ?? 'draft'
  const more = [
    ...(dear ? [dear] : []),
    ...(mayBecome(from, rule.state)
      ? []
      : [
          {
            path: 'state',
            message: `\`state\` must be ${nextStates[from].map(state => `'${state}'`).join(' or ')} for a rule that is ${stored ? from : 'new'}, got '${rule.state}'`,
          },
        ]),
  ]
  return more.length > 0 ? { faults: more } : { rule, faults: [] }
}

function ruleOfYaml(yaml: string, stored?: { readonly ruleId: string }) {
  const { rule, faults = [] } = { rule: undefined, ...parseYaml(yaml, stored?.ruleId) }
  return { rule, faults: faults.map(message => ({ path: 'yaml', message })) }
}

/**
 * The draft after one of the buttons that keep one writing. YAML that is no rule stays YAML: a form has no fields for
 * it; a form that is no rule becomes YAML all the same.
 */
export function turnDraft(draft: Draft, button: string, checked: CheckedDraft): Draft {
  if (draft.view === 'form') {
    if (button !== 'to-yaml') return { ...draft, form: editForm(draft.form, button) ?? draft.form }
    return { view: 'yaml', yaml: checked.rule ? yamlOf(checked.rule) : yamlOfForm(draft.form) }
  }
  return button === 'to-form' && checked.rule ? draftOf(checked.rule, 'form') : draft
}
