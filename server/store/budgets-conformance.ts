import assert from 'node:assert/strict'
import { defaultBudgets } from './budgets-store.ts'
import { by, type TkFixture } from './tk-conformance.ts'

/** What any BudgetsStore must do. */
export function describeBudgetsStore(fixture: TkFixture): void {
  describe('budgets of cost', () => {
    it('are the defaults until somebody sets others, for every process, with audit', async () => {
      const { store } = fixture
      assert.deepEqual(await store.budgets.get(), defaultBudgets)
      const set = { scoreWarning: 10, scoreOfRule: 20, scoreOfSet: 30 }
      await store.budgets.set(set, by)
      await store.budgets.set(set, by)
      assert.deepEqual(await fixture.open().budgets.get(), set)
      const { items } = await store.audit.search(10, undefined, { action: 'budgets.set' })
      assert.deepEqual(
        items.map(({ actor, before, after }) => [actor, before, after]),
        [[by.name, defaultBudgets, set]],
      )
    })
  })
}
