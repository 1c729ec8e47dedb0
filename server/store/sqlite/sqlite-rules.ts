import type { Rule } from '../../../core/rules/rule.ts'
import type { Actor, PauseState, RuleChange, RulesSnapshot, RulesStore, RuleVersion } from '../rules-store.ts'
import { ruleOf } from './rule-rows.ts'
import type { TkCalls } from './tk-calls.ts'

/** Rules, their versions and the pause, through the workers. */
export class SqliteRules implements RulesStore {
  readonly #calls: TkCalls
  readonly #now: () => number

  constructor(calls: TkCalls, now: () => number) {
    this.#calls = calls
    this.#now = now
  }

  async list(): Promise<readonly Rule[]> {
    return (await this.#calls.read('rules.list')).map(ruleOf)
  }

  async get(ruleId: string): Promise<Rule | undefined> {
    const row = await this.#calls.read('rules.get', ruleId)
    return row && ruleOf(row)
  }

  async versions(ruleId: string): Promise<readonly RuleVersion[]> {
    const rows = await this.#calls.read('rules.versions', ruleId)
    return rows.map(row => ({ rule: ruleOf(row), author: row.author, writtenAtMs: row.writtenMs }))
  }

  async change(changes: readonly RuleChange[], by: Actor): Promise<readonly (Rule | undefined)[]> {
    if (changes.length === 0) return []
    const rows = await this.#calls.write('rules.change', changes, by, this.#now())
    return rows.map(row => row && ruleOf(row))
  }

  pause(why: string, by: Actor): Promise<PauseState> {
    return this.#calls.write('rules.pause', why, by, this.#now())
  }

  resume(by: Actor): Promise<PauseState> {
    return this.#calls.write('rules.resume', by, this.#now())
  }

  async snapshot(haveRevision?: number): Promise<RulesSnapshot | undefined> {
    const found = await this.#calls.read('rules.snapshot', haveRevision)
    return found && { ...found, rules: found.rules.map(ruleOf) }
  }
}
