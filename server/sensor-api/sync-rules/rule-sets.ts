import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { Lru } from '../../../core/lib/lru.ts'
import { etagOf, pausedEtag } from '../../../core/rules/etag.ts'
import { limits as bounds } from '../../../core/rules/limits.ts'
import type { Rule, Scope, SentRule } from '../../../core/rules/rule.ts'
import { applies } from '../../../core/rules/scope.ts'
import { sendOrder } from '../../../core/rules/sent.ts'
import { SyncRulesResponse, Rule as WireRule } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { RulesSnapshot } from '../../store/rules-store.ts'
import { limitsInEtag, limitsToWire, type SensorLimits } from '../limits.ts'
import { ruleToWire } from './to-wire.ts'

/** A rule set, encoded: the same bytes for every sensor that gets it. Without what changes from answer to answer. */
export interface RuleSet {
  readonly etag: string
  readonly bytes: Uint8Array
}

const maxTagSets = 10_000
/** Different sets kept encoded; tag sets share them. */
const maxSets = 500

/** Everything that sensors may ask of one snapshot of the rules. Each set is sorted and encoded once. */
export class RuleSets {
  readonly #limits: SensorLimits
  readonly #rules: readonly { readonly sent: SentRule; readonly scope: Scope; bytes?: Uint8Array }[]
  readonly #paused: RuleSet | undefined
  readonly #byTags = new Lru<string, RuleSet>(maxTagSets)
  readonly #byRules = new Lru<string, RuleSet>(maxSets)

  constructor(snapshot: Pick<RulesSnapshot, 'rules' | 'pause'>, limits: SensorLimits) {
    this.#limits = limits
    const scopes = new Map(snapshot.rules.map((rule: Rule) => [rule.rule_id, rule.scope]))
    this.#rules = sendOrder(snapshot.rules).map(sent => ({ sent, scope: scopes.get(sent.rule_id)! }))
    this.#paused = snapshot.pause.paused ? this.#setOf(pausedEtag, [], true) : undefined
  }

  /**
   * @param tags sorted, each once
   * @throws Code.TooLarge when more rules apply than a sensor may get
   */
  for(tags: readonly string[]): RuleSet {
    if (this.#paused !== undefined) return this.#paused
    const key = tags.join(' ')
    let set = this.#byTags.get(key)
    if (set === undefined) {
      set = this.#ofRules(new Set(tags))
      this.#byTags.set(key, set)
    }
    return set
  }

  #ofRules(tags: ReadonlySet<string>): RuleSet {
    const rules = this.#rules.filter(({ scope }) => applies(scope, tags))
    if (rules.length > bounds.rulesInSet) {
      throw new PulltraceError(
        Code.TooLarge,
        `${rules.length} rules apply to these tags; at most ${bounds.rulesInSet} are sent`,
        { fix: 'disable some, or give them narrower scopes' },
      )
    }
    const key = rules.map(({ sent }) => sent.rule_id).join(' ')
    let set = this.#byRules.get(key)
    if (set === undefined) {
      const content = { rules: rules.map(({ sent }) => sent), limits: limitsInEtag(this.#limits), masks: [] }
      for (const rule of rules) rule.bytes ??= WireRule.encode(ruleToWire(rule.sent)).finish()
      set = this.#setOf(
        etagOf(content),
        rules.map(({ bytes }) => bytes!),
        false,
      )
      this.#byRules.set(key, set)
    }
    return set
  }

  #setOf(etag: string, rules: readonly Uint8Array[], paused: boolean): RuleSet {
    const rest = SyncRulesResponse.encode({
      rules: [],
      etag,
      paused,
      limits: limitsToWire(this.#limits),
      nextSyncAfter: undefined,
      maskPointers: [],
      serverTime: undefined,
      serverVersion: '',
    }).finish()
    const bytes = Buffer.concat([...rules.flatMap(rule => [headerOf(rule.byteLength), rule]), rest])
    if (bytes.byteLength > bounds.setBytes) {
      throw new PulltraceError(
        Code.TooLarge,
        `the rules for these tags are ${bytes.byteLength} bytes; at most ${bounds.setBytes} are sent`,
        { fix: 'disable some, or give them narrower scopes' },
      )
    }
    return { etag, bytes }
  }
}

/** Field 1, a message of so many bytes. */
function headerOf(length: number): Uint8Array {
  const header = [10]
  let rest = length
  for (; rest > 127; rest >>>= 7) header.push((rest & 127) | 128)
  header.push(rest)
  return Uint8Array.from(header)
}
