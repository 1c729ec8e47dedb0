import type { RuleState } from './rule.ts'

/** What a rule may be after a change. A draft that was in force is none any more: then it can only be disabled. */
export const nextStates: Readonly<Record<RuleState, readonly RuleState[]>> = {
  draft: ['draft', 'active'],
  active: ['active', 'disabled'],
  disabled: ['disabled', 'active'],
}

export const mayBecome = (from: RuleState, to: RuleState): boolean => nextStates[from].includes(to)
