import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** More shapes of queries than this are not kept prepared. */
const maxStatements = 200

/** Prepares each SQL text once. */
export class Statements {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  of(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      if (this.#prepared.size >= maxStatements) this.#prepared.clear()
      statement = this.#db.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}
