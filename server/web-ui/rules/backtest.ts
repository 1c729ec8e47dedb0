import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { compileRules } from '../../../core/rules/compile.ts'
import { evaluate, type Match } from '../../../core/rules/evaluate.ts'
import { sentOf } from '../../../core/rules/explain.ts'
import type { RuleContent } from '../../../core/rules/rule.ts'
import { applies } from '../../../core/rules/scope.ts'
import type { EventsStore, FoundEvent } from '../../store/events-store.ts'
import { parseRecord } from './record.ts'

export const backtestLimits = {
  /** Newest events that are looked at. */
  events: 10_000,
  /** After so long it tells what it has found so far. Milliseconds. */
  durationMs: 5000,
  /** Matches that are shown. */
  shown: 20,
} as const
const pageSize = 500
/** After so long others have their turn: probes must be answered within a second. Milliseconds. */
const turnMs = 50

export interface BacktestMatch {
  readonly event: FoundEvent
  readonly match: Match
}

export interface BacktestReport {
  /** Events that were read, newest first. */
  readonly looked: number
  /** Of those looked at: tried against the rule. */
  readonly tried: number
  readonly matched: number
  /** Matches that are errors of a `fail` policy. */
  readonly failed: number
  /** Their sensors would not have had the rule. */
  readonly outOfScope: number
  /** Stored without a record that can be read. */
  readonly withoutRecord: number
  /** The first ones, newest first. */
  readonly matches: readonly BacktestMatch[]
  /** Why older events were not looked at, when there are any. */
  readonly endedBy: 'all' | 'count' | 'time'
  readonly oldestMs?: number | undefined
}

export interface BacktestParts {
  readonly events: Pick<EventsStore, 'search'>
  readonly clock: Clock
  readonly signal?: AbortSignal
}

/**
 * What a rule would have matched among the newest stored events. Each record is tried whatever the sample rate, state
 * and dry run: these say when a rule is tried, not what it matches.
 *
 * @throws Code.Invalid for a rule that cannot be put in force.
 */
export async function backtest(
  rule: RuleContent,
  { events, clock, signal }: BacktestParts,
  { events: most, durationMs, shown }: Readonly<Record<keyof typeof backtestLimits, number>> = backtestLimits,
): Promise<BacktestReport> {
  const set = setOf(rule)
  const endsAt = clock.monotonic() + durationMs
  const filter = { sinceMs: 0, untilMs: clock.now() + 1 }
  const counts = { looked: 0, tried: 0, matched: 0, failed: 0, outOfScope: 0, withoutRecord: 0 }
  const matches: BacktestMatch[] = []
  const report = (endedBy: BacktestReport['endedBy'], oldestMs?: number) => ({ ...counts, matches, endedBy, oldestMs })
  let turnEndsAt = clock.monotonic() + turnMs
  let cursor: string | undefined
  let oldestMs: number | undefined
  for (;;) {
    signal?.throwIfAborted()
    const page = await events.search(filter, Math.min(pageSize, most - counts.looked), cursor)
    for (const event of page.items) {
      const now = clock.monotonic()
      if (now >= endsAt) return report('time', oldestMs)
      if (now >= turnEndsAt) {
        await clock.sleep(0, signal)
        turnEndsAt = now + turnMs
      }
      counts.looked++
      oldestMs = event.receivedAtMs
      if (!applies(rule.scope, new Set(event.tags))) counts.outOfScope++
      else tryEvent(event)
    }
    if (page.nextCursor === undefined) return report('all', oldestMs)
    if (counts.looked >= most) return report('count', oldestMs)
    cursor = page.nextCursor
  }

  function tryEvent(event: FoundEvent): void {
    const { record, fault } = parseRecord(event.recordJson ?? '')
    if (fault !== undefined) {
      counts.withoutRecord++
      return
    }
    counts.tried++
    evaluate(
      set,
      record,
      () => 0,
      match => {
        counts.matched++
        if (match.kind.endsWith('_FAILED')) counts.failed++
        if (matches.length < shown) matches.push({ event, match })
      },
    )
  }
}

function setOf(rule: RuleContent) {
  const { set, faults } = compileRules([sentOf({ ...rule, sample_rate: 1 })])
  if (faults.length > 0) throw new PulltraceError(Code.Invalid, faults[0]!.message)
  return set
}
