import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { AndGroup, Rule } from '../../core/rules/rule.ts'
import type { Appended, EventBatch, EventsStore } from '../store/events-store.ts'
import type { PauseState, RulesSnapshot, RulesStore } from '../store/rules-store.ts'
import type { StoreHealth } from '../store/store.ts'

/** What the service asks of a store, in memory. The conformance suites are the real store's; this one is for faults. */
export class FakeTkStore {
  #revision = 1
  #rules: readonly Rule[] = []
  #pause: PauseState = { paused: false }
  disabledRules = 0
  readonly stored = new Map<string, { readonly batch: EventBatch; readonly event: EventBatch['events'][number] }>()
  /** What calls reject with. */
  fault: PulltraceError | undefined
  looks = 0
  /** Appends wait for it. */
  held: Promise<void> | undefined

  set(change: { readonly rules?: readonly Rule[]; readonly paused?: boolean }): void {
    this.#revision++
    this.#rules = change.rules ?? this.#rules
    if (change.paused !== undefined) this.#pause = { paused: change.paused }
  }

  readonly rules = {
    snapshot: async (have?: number): Promise<RulesSnapshot | undefined> => {
      this.looks++
      if (this.fault !== undefined) throw this.fault
      if (have === this.#revision) return undefined
      return { revision: this.#revision, pause: this.#pause, rules: this.#rules, disabledRules: this.disabledRules }
    },
  } as RulesStore

  readonly events = {
    append: async (batch: EventBatch): Promise<readonly Appended[]> => {
      await this.held
      if (this.fault !== undefined) throw this.fault
      return batch.events.map(event => {
        if (this.stored.has(event.eventId)) return 'duplicate'
        this.stored.set(event.eventId, { batch, event })
        return this.#rules.some(rule => rule.rule_id === event.ruleId) ? 'stored' : 'unknown_rule'
      })
    },
    size: async () => ({ events: this.stored.size, bytes: 0, databaseBytes: 4096, freeBytes: 0 }),
    prune: async () => ({ byAge: 0, bySize: 0 }),
  } as unknown as EventsStore

  health(): StoreHealth {
    if (this.fault === undefined) return { healthy: true }
    return { healthy: false, kind: 'fault', reason: this.fault.message, fix: '' }
  }
}

export const databaseBusy = () => new PulltraceError(Code.Unavailable, 'tk.db is locked by another process')
export const diskFull = () => new PulltraceError(Code.Exhausted, 'no space is left to write tk.db')

const any: readonly AndGroup[] = [
  {
    all: [
      {
        field: ['layers', '*', 'bytes'],
        op: 'gt',
        field_type: 'numeric',
        value: 100,
        on_missing_field: 'skip',
        on_coercion_fail: 'fail',
      },
    ],
  },
]

/** An active rule for every sensor; its id ends with the number. */
export function fakeRule(number: number, parts: Partial<Rule> = {}): Rule {
  return {
    rule_id: `01990000-0000-7000-8000-${String(number).padStart(12, '0')}`,
    version: 1,
    created_at: '2026-11-21T10:00:00.123Z',
    schema_version: 1,
    name: `rule ${number}`,
    description: '',
    state: 'active',
    dry_run: false,
    action: 'observe',
    sample_rate: 1,
    scope: { tags: [], exclude_tags: [] },
    any,
    ...parts,
  }
}
