import { formatPath } from '../../../core/rules/path.ts'
import type { Condition } from '../../../core/rules/rule.ts'
import { literalText } from './literal-text.ts'

const longest = 120

/** A condition on one line: `durations.total gt numeric 60`. */
export function conditionText(condition: Condition): string {
  const { field, op, field_type, field_ref } = condition
  const type = op === 'exists' || op === 'is_null' ? '' : ` ${field_type}`
  const beside = field_ref ? formatPath(field_ref) : literalText(condition).replaceAll('\n', ', ')
  return cut(`${formatPath(field)} ${op}${type}${beside === '' ? '' : ` ${beside}`}`)
}

export const cut = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest)}…`)

/** Who did it, as people call them: `olga`; commands and programs keep what they are. */
export const personText = (actor: string): string => actor.replace(/^user:/, '')
