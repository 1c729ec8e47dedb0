import type { BudgetsStore, CostBudgets } from '../budgets-store.ts'
import type { Actor } from '../rules-store.ts'
import type { TkCalls } from './tk-calls.ts'

/** Budgets of cost, through the workers. */
export class SqliteBudgets implements BudgetsStore {
  readonly #calls: TkCalls
  readonly #now: () => number

  constructor(calls: TkCalls, now: () => number) {
    this.#calls = calls
    this.#now = now
  }

  get(): Promise<CostBudgets> {
    return this.#calls.read('budgets.get')
  }

  async set(budgets: CostBudgets, by: Actor): Promise<void> {
    await this.#calls.write('budgets.set', budgets, by, this.#now())
  }
}
