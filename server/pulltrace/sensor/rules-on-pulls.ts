import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { EventBufferFull, type Outcome, type RuleMatch } from '../../../sdk/typescript/src/index.ts'
import { recordOf } from './pull-record.ts'
import type { PullSensor } from './pull-sensor.ts'
import { type Verdict, Verdicts } from './verdicts.ts'

export interface RulesOnPullsParts {
  /** Called for each rule that matches a pull, once for each of its versions. */
  readonly matched: (action: RuleMatch['action']) => void
  readonly dropped: (ruleId: string) => void
  /** Called after each check that matched: its events wait in the sensor's buffer, or found no room in it. */
  readonly recorded: () => void
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Logger
}

const unmatched: Verdict = { reported: [], violations: undefined, droppedBy: undefined }
/** Rules that fail, or drop, are logged no oftener. Milliseconds. */
const logEveryMs = 60_000
/** Rules whose first drop is logged. */
const maxToldRules = 200

/**
 * Judges pulls by the rules that a sensor holds. Without a sensor, and without rules in force, every pull is kept; what
 * was dropped stays out, and what broke a rule stays marked, whatever becomes of the rule.
 */
export class RulesOnPulls {
  readonly #parts: RulesOnPullsParts
  readonly #verdicts = new Verdicts()
  readonly #toldRules = new Set<string>()
  #sensor: PullSensor | undefined
  #checks = 0
  #failures = 0
  #failureLoggedAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: RulesOnPullsParts) {
    this.#parts = parts
  }

  use(sensor: PullSensor): void {
    this.#sensor = sensor
  }

  counts(): { readonly checks: number; readonly failures: number; readonly verdicts: number } {
    return { checks: this.#checks, failures: this.#failures, verdicts: this.#verdicts.size }
  }

  judge(pull: PullState): 'keep' | 'dropped' {
    const before = this.#verdicts.get(pull.id)
    if (before?.droppedBy !== undefined) return 'dropped'
    // No record is made where no rule would look at it.
    if (this.#sensor === undefined || this.#sensor.stats().rules === 0) return 'keep'
    const outcome = this.#check(this.#sensor, pull, before)
    if (outcome === undefined || outcome.matches.length === 0) return 'keep'
    const verdict = this.#after(before ?? unmatched, outcome.matches)
    this.#verdicts.set(pull.id, verdict)
    this.#parts.recorded()
    return verdict.droppedBy === undefined ? 'keep' : 'dropped'
  }

  knows(id: string): boolean {
    const verdict = this.#verdicts.get(id)
    return verdict !== undefined && (verdict.violations !== undefined || verdict.droppedBy !== undefined)
  }

  hasDropped(id: string): boolean {
    return this.#verdicts.get(id)?.droppedBy !== undefined
  }

  marked(pull: PullState): PullState {
    const found = this.#verdicts.get(pull.id)?.violations
    if (found === undefined) return pull
    // What an earlier server found is in the pull itself.
    const earlier = pull.violations?.filter(({ ruleId }) => !found.some(each => each.ruleId === ruleId)) ?? []
    return { ...pull, violations: earlier.length === 0 ? found : [...earlier, ...found] }
  }

  /** Undefined when the pull could not be checked: then it goes on, unchecked. */
  #check(sensor: PullSensor, pull: PullState, before: Verdict | undefined): Outcome | undefined {
    this.#checks++
    try {
      return sensor.check(
        recordOf(pull),
        { pull_id: pull.id },
        { skipEvent: ({ ruleId, version }) => before?.reported.includes(keyOf(ruleId, version)) === true },
      )
    } catch (error) {
      if (error instanceof EventBufferFull) return error.outcome
      this.#failed(error)
      return undefined
    }
  }

  #after({ reported, violations, droppedBy }: Verdict, matches: readonly RuleMatch[]): Verdict {
    const verdict = { reported: [...reported], violations: [...(violations ?? [])], droppedBy }
    for (const { ruleId, version, name, action, eventId } of matches) {
      const key = keyOf(ruleId, version)
      if (!reported.includes(key)) this.#parts.matched(action)
      // An event that found no room is tried again when the rule matches again.
      if (eventId !== undefined) verdict.reported.push(key)
      if (action === 'fail' && !verdict.violations.some(each => each.ruleId === ruleId))
        verdict.violations.push({ ruleId, name, action })
      if (action === 'drop') {
        verdict.droppedBy = ruleId
        this.#tellDrop(ruleId, name)
      }
    }
    return { ...verdict, violations: verdict.violations.length === 0 ? undefined : verdict.violations }
  }

  #tellDrop(ruleId: string, name: string): void {
    this.#parts.dropped(ruleId)
    if (this.#toldRules.has(ruleId) || this.#toldRules.size >= maxToldRules) return
    this.#toldRules.add(ruleId)
    this.#parts.log.info('rule drops pulls: they are neither shown nor stored', { ruleId, rule: name })
  }

  #failed(error: unknown): void {
    this.#failures++
    const nowMs = this.#parts.clock.monotonic()
    if (nowMs - this.#failureLoggedAtMs < logEveryMs) return
    this.#failureLoggedAtMs = nowMs
    this.#parts.log.warn('pulls not checked by rules', { failures: this.#failures, error })
  }
}

const keyOf = (ruleId: string, version: number) => `${ruleId}/${version}`
