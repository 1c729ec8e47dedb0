import { limits } from '../../core/rules/limits.ts'
import type { Actor } from './rules-store.ts'

/** What rules may cost, as scores; whole numbers from 1. */
export interface CostBudgets {
  /** Above it the author of a rule is warned. */
  readonly scoreWarning: number
  /** Above it the editor refuses a rule. */
  readonly scoreOfRule: number
  /** Above it an author is warned: the sum of one tag set's active rules. */
  readonly scoreOfSet: number
}

/** Until somebody sets others. */
export const defaultBudgets: CostBudgets = {
  scoreWarning: limits.scoreWarning,
  scoreOfRule: limits.scoreOfRule,
  scoreOfSet: limits.scoreOfSet,
}

export interface BudgetsStore {
  get(): Promise<CostBudgets>
  /** Noted in the audit log, unless nothing changes. */
  set(budgets: CostBudgets, by: Actor): Promise<void>
}
