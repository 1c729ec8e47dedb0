import type { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import { type CostBudgets, defaultBudgets } from '../budgets-store.ts'
import type { Actor } from '../rules-store.ts'
import { writeAudit } from './audit-database.ts'
import type { Statements } from './statements.ts'
import { transaction } from './transaction.ts'

/** What a worker does with the budgets of cost. */
export class BudgetsDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db
    this.#statements = statements
  }

  get(): CostBudgets {
    const row = this.#statements
      .of(
        'SELECT score_warning AS scoreWarning, score_of_rule AS scoreOfRule, score_of_set AS scoreOfSet FROM cost_budgets',
      )
      .get() as CostBudgets | undefined
    return row === undefined ? defaultBudgets : { ...row }
  }

  set({ scoreWarning, scoreOfRule, scoreOfSet }: CostBudgets, by: Actor, nowMs: number): void {
    transaction(this.#db, () => {
      const [before, after] = [this.get(), { scoreWarning, scoreOfRule, scoreOfSet }]
      if (isDeepStrictEqual(before, after)) return
      this.#statements
        .of(
          `INSERT INTO cost_budgets VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET
            score_warning = excluded.score_warning, score_of_rule = excluded.score_of_rule,
            score_of_set = excluded.score_of_set`,
        )
        .run(scoreWarning, scoreOfRule, scoreOfSet)
      writeAudit(this.#statements, [{ by, action: 'budgets.set', target: '', before, after }], nowMs)
    })
  }
}
