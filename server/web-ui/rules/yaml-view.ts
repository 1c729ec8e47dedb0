import { stringify } from 'yaml'
import type { RuleContent } from '../../../core/rules/rule.ts'
import { parseRuleFile } from '../../rule-files/rule-file.ts'
import { contentText } from '../../rule-files/rule-text.ts'
import { type RuleForm, valueOfForm } from './form.ts'

/** As `rules export` writes it. */
export const yamlOf = (rule: RuleContent): string => contentText(rule)

/** Of a form that is no rule yet: what is typed stays. */
export const yamlOfForm = (form: RuleForm): string => stringify(valueOfForm(form), { lineWidth: 0 })

export type ParsedYaml =
  | { readonly rule: RuleContent; readonly faults?: undefined }
  /** With line and column. */
  | { readonly faults: readonly string[]; readonly rule?: undefined }

/** Characters: a rule has 64 KiB of JSON, and nobody waits while megabytes are read. */
const longestText = 256 * 1024

/** The one rule of a text, which may be an exported one: the id of another rule is a fault. */
export function parseYaml(text: string, ruleId?: string): ParsedYaml {
  if (text.length > longestText) {
    return { faults: [`a rule must be at most ${longestText} characters of YAML, got ${text.length}`] }
  }
  const { rules, faults } = parseRuleFile({ file: 'line', text })
  if (faults.length > 0) return { faults }
  const [first, second] = rules
  if (!first) return { faults: ['there must be a rule, and this is empty'] }
  if (second) return { faults: [`there must be one rule, and at ${second.at} begins another`] }
  if (first.ruleId === undefined || first.ruleId === ruleId) return { rule: first.content }
  const fix = ruleId === undefined ? 'remove it: a new rule gets its own' : `it is ${ruleId}`
  return { faults: [`\`rule_id\` is that of another rule (${fix})`] }
}
