import { pulls } from './0001-pulls.ts'
import type { Migration } from './migration.ts'

/** The schema of the history of pulls, in order. A new step is a new file and a line here. */
export const historyMigrations: readonly Migration[] = [pulls]
