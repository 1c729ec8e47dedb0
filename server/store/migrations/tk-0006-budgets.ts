import type { Migration } from './migration.ts'

/** What an admin set as the budgets of cost: one row, once somebody did. */
export const budgets: Migration = {
  version: 6,
  name: 'tk-0006-budgets',
  sqlite: `
    CREATE TABLE cost_budgets (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      score_warning INTEGER NOT NULL,
      score_of_rule INTEGER NOT NULL,
      score_of_set INTEGER NOT NULL
    ) STRICT;
  `,
}
