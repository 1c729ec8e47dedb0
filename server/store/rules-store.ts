import type { Rule, RuleContent } from '../../core/rules/rule.ts'

/** Who changes something, for the audit log. */
export interface Actor {
  /** `user:alice`, `cli:root@host`, `system`. */
  readonly name: string
  readonly requestId?: string | undefined
  readonly address?: string | undefined
}

/** One stored version of a rule. Immutable: events refer to it. */
export interface RuleVersion {
  readonly rule: Rule
  readonly author: string
  readonly writtenAtMs: number
}

export interface PauseState {
  readonly paused: boolean
  readonly by?: string | undefined
  readonly why?: string | undefined
  readonly sinceMs?: number | undefined
}

/** What sensors are served from: consistent, of one moment. */
export interface RulesSnapshot {
  /** Rises with every change of a rule or of the pause. */
  readonly revision: number
  readonly pause: PauseState
  /** Active ones only. */
  readonly rules: readonly Rule[]
  /** How many are disabled. */
  readonly disabledRules: number
}

export type RuleChange =
  | { readonly kind: 'create'; readonly content: RuleContent }
  /** `basedOn` is the version that the editor saw. */
  | { readonly kind: 'update'; readonly ruleId: string; readonly basedOn: number; readonly content: RuleContent }
  | { readonly kind: 'delete'; readonly ruleId: string; readonly basedOn: number }

/** Rules with their versions, the emergency pause and the audit log of both. What was answered is on disk. */
export interface RulesStore {
  /** Every rule that is not deleted, by rule_id. */
  list(): Promise<readonly Rule[]>
  get(ruleId: string): Promise<Rule | undefined>
  /** Newest first; also of a deleted rule. */
  versions(ruleId: string): Promise<readonly RuleVersion[]>
  /**
   * All of them or none; answers with the stored rules, a deletion with undefined, in the order asked.
   *
   * @throws Code.Conflict with `details.seen` (the stored version) when a rule has another version than `basedOn`;
   * Code.NotFound; Code.Invalid when an active rule is deleted, when a rule may not become what it is to be
   * (core/rules/lifecycle.ts; a new one may be anything), when more than 10,000 would be active, or when one switched on
   * would be among more than 2,000 of a sensor that has just the tags of one of these.
   */
  change(changes: readonly RuleChange[], by: Actor): Promise<readonly (Rule | undefined)[]>
  pause(why: string, by: Actor): Promise<PauseState>
  resume(by: Actor): Promise<PauseState>
  /** Undefined when the revision is still the one that the caller has. */
  snapshot(haveRevision?: number): Promise<RulesSnapshot | undefined>
}
