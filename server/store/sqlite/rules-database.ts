import type { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import { RisingUuids } from '../../../core/lib/rising-uuids.ts'
import { mayBecome } from '../../../core/rules/lifecycle.ts'
import { limits } from '../../../core/rules/limits.ts'
import type { Rule, RuleContent, RuleState, Scope } from '../../../core/rules/rule.ts'
import { isWithin } from '../../../core/rules/scope.ts'
import { fullRuleSet } from '../full-rule-sets.ts'
import type { Actor, PauseState, RuleChange } from '../rules-store.ts'
import { type AuditedChange, writeAudit } from './audit-database.ts'
import {
  refuseActive,
  refuseFullSet,
  refuseMissing,
  refuseStale,
  refuseState,
  refuseTooManyActive,
} from './rule-refusals.ts'
import { type RuleRow, type RuleVersionRow, ruleOf } from './rule-rows.ts'
import type { Statements } from './statements.ts'
import { snapshot, transaction } from './transaction.ts'

export interface SnapshotRow {
  readonly revision: number
  readonly pause: PauseState
  readonly rules: readonly RuleRow[]
  readonly disabledRules: number
}

type StoredRule = RuleRow & { readonly state: RuleState }

/** A version of a rule as its row holds it, for `ruleOf`. */
const columns = 'r.rule_id AS ruleId, r.version, r.created_ms AS createdMs, v.body'
const newest = 'rules r JOIN rule_versions v ON v.rule_id = r.rule_id AND v.version = r.version'

/** What a worker does with rules, one call at a time. Rules come out as texts: to parse them is the caller's work. */
export class RulesDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #uuids = new RisingUuids()

  constructor(db: DatabaseSync, statements: Statements) {
    this.#db = db
    this.#statements = statements
  }

  list(): readonly RuleRow[] {
    return this.#rows(`SELECT ${columns} FROM ${newest} WHERE r.deleted_ms IS NULL ORDER BY r.rule_id`)
  }

  get(ruleId: string): RuleRow | undefined {
    return this.#rows(`SELECT ${columns} FROM ${newest} WHERE r.deleted_ms IS NULL AND r.rule_id = ?`, ruleId)[0]
  }

  versions(ruleId: string): readonly RuleVersionRow[] {
    return this.#statements
      .of(
        `SELECT v.rule_id AS ruleId, v.version, r.created_ms AS createdMs, v.body, v.author, v.written_ms AS writtenMs
        FROM rule_versions v JOIN rules r ON r.rule_id = v.rule_id
        WHERE v.rule_id = ? ORDER BY v.version DESC`,
      )
      .all(ruleId) as unknown as RuleVersionRow[]
  }

  /** As the port says. */
  change(changes: readonly RuleChange[], by: Actor, nowMs: number): readonly (RuleRow | undefined)[] {
    return transaction(this.#db, () => {
      const audited: AuditedChange[] = []
      const switchedOn: Scope[] = []
      const stored = changes.map((change, index) => {
        const before = change.kind === 'create' ? undefined : this.#basis(change, index)
        if (before && change.kind === 'update' && !mayBecome(before.state, change.content.state)) {
          throw refuseState(change.ruleId, before.state, change.content.state, index)
        }
        const after = change.kind === 'delete' ? undefined : this.#write(change.content, before, by, nowMs)
        if (change.kind === 'delete') this.#delete(before!, nowMs, index)
        // Nothing was stored of what is already so.
        if (before === undefined || after !== before) {
          const [old, now] = [before && ruleOf(before), after && ruleOf(after)]
          if (now && reachesMore(old, now)) switchedOn.push(now.scope)
          audited.push({
            by,
            action: `rule.${change.kind}`,
            target: (after ?? before)!.ruleId,
            before: old,
            after: now,
          })
        }
        return after
      })
      if (switchedOn.length > 0) this.#refuseTooManyActive(switchedOn)
      if (audited.length > 0) this.#record(audited, nowMs)
      return stored.map(row => row && rowOnly(row))
    })
  }

  pause(why: string, by: Actor, nowMs: number): PauseState {
    return transaction(this.#db, () => {
      const before = this.#pause()
      if (before.paused && before.by === by.name && before.why === why) return before
      // Asked again: who and why are the newest, since when stays.
      const after = { paused: true, by: by.name, why, sinceMs: before.sinceMs ?? nowMs }
      this.#statements
        .of('UPDATE rules_state SET paused_ms = ?, paused_by = ?, paused_why = ?')
        .run(after.sinceMs, after.by, after.why)
      this.#record([{ by, action: 'rules.pause', target: '', before, after }], nowMs)
      return after
    })
  }

  resume(by: Actor, nowMs: number): PauseState {
    return transaction(this.#db, () => {
      const before = this.#pause()
      const after = { paused: false }
      if (!before.paused) return after
      this.#statements.of('UPDATE rules_state SET paused_ms = NULL, paused_by = NULL, paused_why = NULL').run()
      this.#record([{ by, action: 'rules.resume', target: '', before, after }], nowMs)
      return after
    })
  }

  snapshot(haveRevision: number | undefined): SnapshotRow | undefined {
    if (this.#revision() === haveRevision) return undefined
    return snapshot(this.#db, () => ({
      revision: this.#revision(),
      pause: this.#pause(),
      disabledRules: this.#disabledRules(),
      rules: this.#rows(
        `SELECT ${columns} FROM ${newest} WHERE r.state = 'active' AND r.deleted_ms IS NULL ORDER BY r.rule_id`,
      ),
    }))
  }

  #disabledRules(): number {
    const sql = "SELECT count(*) AS rules FROM rules WHERE state = 'disabled' AND deleted_ms IS NULL"
    return (this.#statements.of(sql).get() as { rules: number }).rules
  }

  #rows(sql: string, ...params: string[]): RuleRow[] {
    return this.#statements.of(sql).all(...params) as unknown as RuleRow[]
  }

  /** The rule as it is, if it is what the change is based on. */
  #basis({ ruleId, basedOn }: { ruleId: string; basedOn: number }, index: number): StoredRule {
    const row = this.#statements
      .of(`SELECT ${columns}, r.state FROM ${newest} WHERE r.deleted_ms IS NULL AND r.rule_id = ?`)
      .get(ruleId) as StoredRule | undefined
    if (row === undefined) throw refuseMissing(ruleId, index)
    if (row.version !== basedOn) throw refuseStale(row, basedOn, index)
    return row
  }

  /** The row that stands for the content: a new version, or the one that is there when nothing would change. */
  #write(content: RuleContent, before: StoredRule | undefined, by: Actor, nowMs: number): StoredRule {
    const body = JSON.stringify(content)
    if (before && isDeepStrictEqual(JSON.parse(before.body), JSON.parse(body))) return before
    const { ruleId, createdMs } = before ?? { ruleId: this.#uuids.next(nowMs), createdMs: nowMs }
    const version = (before?.version ?? 0) + 1
    this.#statements
      .of(
        `INSERT INTO rules VALUES (?, ?, ?, ?, NULL)
        ON CONFLICT (rule_id) DO UPDATE SET version = excluded.version, state = excluded.state`,
      )
      .run(ruleId, version, content.state, createdMs)
    this.#statements
      .of(
        `INSERT INTO rule_versions (rule_id, version, name, action, dry_run, body, author, written_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(ruleId, version, content.name, content.action, content.dry_run ? 1 : 0, body, by.name, nowMs)
    return { ruleId, version, createdMs, body, state: content.state }
  }

  #delete(rule: StoredRule, nowMs: number, index: number): void {
    if (rule.state === 'active') throw refuseActive(rule.ruleId, index)
    this.#statements.of('UPDATE rules SET deleted_ms = ? WHERE rule_id = ?').run(nowMs, rule.ruleId)
  }

  #record(audited: readonly AuditedChange[], nowMs: number): void {
    this.#statements.of('UPDATE rules_state SET revision = revision + 1').run()
    writeAudit(this.#statements, audited, nowMs)
  }

  #refuseTooManyActive(switchedOn: readonly Scope[]): void {
    const { active } = this.#statements
      .of(`SELECT count(*) AS active FROM rules WHERE state = 'active' AND deleted_ms IS NULL`)
      .get() as { active: number }
    if (active > limits.activeRules) throw refuseTooManyActive(active)
    if (active <= limits.rulesInSet) return
    const rows = this.#statements
      .of(
        `SELECT json_extract(v.body, '$.scope') AS scope, count(*) AS rules FROM ${newest}
        WHERE r.state = 'active' AND r.deleted_ms IS NULL GROUP BY 1`,
      )
      .all() as { scope: string; rules: number }[]
    const counts = rows.map(({ scope, rules }) => ({ scope: JSON.parse(scope) as Scope, rules }))
    const full = fullRuleSet(counts, switchedOn)
    if (full !== undefined) throw refuseFullSet(full)
  }

  #revision(): number {
    return (this.#statements.of('SELECT revision FROM rules_state').get() as { revision: number }).revision
  }

  #pause(): PauseState {
    const { sinceMs, by, why } = this.#statements
      .of('SELECT paused_ms AS sinceMs, paused_by AS by, paused_why AS why FROM rules_state')
      .get() as { sinceMs: number | null; by: string | null; why: string | null }
    return sinceMs === null ? { paused: false } : { paused: true, by: by!, why: why!, sinceMs }
  }
}

/** Sensors may get it that did not before. */
const reachesMore = (old: Rule | undefined, now: Rule): boolean =>
  now.state === 'active' && !(old?.state === 'active' && isWithin(now.scope, old.scope))

const rowOnly = ({ ruleId, version, createdMs, body }: StoredRule): RuleRow => ({ ruleId, version, createdMs, body })
