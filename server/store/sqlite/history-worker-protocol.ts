import type { Failure } from './failure.ts'
import type { HistoryDatabase } from './history-database.ts'

export interface WorkerStart {
  readonly file: string
  readonly nowMs: number
  /** Look at every page before serving: after damage was seen. */
  readonly check: boolean
}

export type Method = keyof HistoryDatabase

export interface Call {
  /** From 1; 0 is the answer that says whether the database is open. */
  readonly id: number
  readonly method: Method
  readonly args: readonly unknown[]
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure }
