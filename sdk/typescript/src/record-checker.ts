import { evaluate, type Match } from '../../../core/rules/evaluate.ts'
import type { SentRule } from '../../../core/rules/rule.ts'
import { ConfigError } from './errors.ts'
import type { CheckOptions } from './options/check-options.ts'
import { checkMetadata, type Metadata } from './options/metadata.ts'
import type { Outcome, RuleMatch } from './outcome.ts'
import type { SensorParts } from './parts.ts'
import { Seldom } from './seldom.ts'
import { passOf } from './sync/applied-set.ts'

const seldomMs = 60_000
const unchecked = passOf(undefined)
const noMetadata: Metadata = Object.freeze({})

export interface Checked {
  readonly outcome: Outcome
  /** An event was lost for want of room. */
  readonly full: boolean
}

const noOptions: CheckOptions = Object.freeze({})

/** Checks records against the rules in force and records what matched. A check without a match allocates nothing. */
export class RecordChecker {
  checks = 0
  evaluatorErrors = 0
  readonly #parts: SensorParts
  readonly #seldom: Seldom
  #shared: Metadata
  #found: Match[] | undefined
  readonly #toldConversions = new WeakMap<SentRule, number>()
  /** The answer to every record without a match, reused. */
  readonly #passed: { outcome: Outcome; full: boolean } = { outcome: unchecked, full: false }

  constructor(parts: SensorParts) {
    this.#parts = parts
    this.#shared = parts.settings.metadata
    this.#seldom = new Seldom(seldomMs, () => parts.clock.monotonic())
  }

  check(record: unknown, metadata?: Metadata, { skipEvent }: CheckOptions = noOptions): Checked {
    const { settings, rules, sample } = this.#parts
    if (settings.disabled) return this.#pass(unchecked)
    this.checks++
    const applied = rules.current()
    if (applied === undefined) return this.#pass(unchecked)
    // A getter of the record may check another record.
    const outer = this.#found
    this.#found = undefined
    const action = evaluate(applied.set, record, sample, this.#onMatch, this.#onError)
    const found = this.#found as Match[] | undefined
    this.#found = outer
    if (found === undefined) return this.#pass(applied.pass)
    const good = metadata === undefined ? noMetadata : this.#good(metadata)
    const { ids, full } = this.#parts.recorder.record(found, record, good, this.#shared, skipEvent)
    const matches = found.map((match, index) => matchOf(match, ids[index]))
    const keep = action === 'pass' || action === 'observe'
    return { outcome: { action, keep, matches, ruleSetEtag: applied.etag }, full }
  }

  addMetadata(metadata: Metadata): void {
    const { good, faults } = checkMetadata({ ...this.#shared, ...metadata })
    if (faults.length > 0) throw new ConfigError(faults)
    // A new object: events that are recorded already keep what they had.
    this.#shared = good
  }

  /** One line a minute at most for each rule whose conditions met values that they could not convert. */
  reportConversions(): void {
    const { rules, log } = this.#parts
    for (const { rule, counts } of rules.held?.set.rules ?? []) {
      const { unconverted } = counts
      const news = unconverted > 0 && unconverted !== this.#toldConversions.get(rule)
      if (news && this.#seldom.now(`unconverted ${rule.rule_id}`)) {
        this.#toldConversions.set(rule, unconverted)
        log.warn('values of records do not convert to the type of a condition', {
          rule: rule.rule_id,
          name: rule.name,
          values: unconverted,
        })
      }
    }
  }

  #pass(outcome: Outcome): Checked {
    this.#passed.outcome = outcome
    return this.#passed
  }

  readonly #onMatch = (match: Match): void => {
    this.#found ??= []
    this.#found.push(match)
  }

  readonly #onError = (rule: SentRule, error: unknown): void => {
    this.evaluatorErrors++
    if (this.#seldom.now(`error ${rule.rule_id}`)) {
      this.#parts.log.error('a rule could not be tried on a record', { rule: rule.rule_id, error })
    }
  }

  #good(metadata: Metadata): Metadata {
    const { good, faults } = checkMetadata(metadata)
    for (const fault of faults) {
      if (this.#seldom.now(`metadata ${fault}`)) this.#parts.log.warn('metadata left out of an event', { error: fault })
    }
    return good
  }
}

function matchOf({ rule, action, kind, path, value }: Match, eventId: string | undefined): RuleMatch {
  const { rule_id: ruleId, version, name } = rule
  return { ruleId, version, name, action, matchedPath: path, value, kind, eventId }
}
