import type { ServerLimits } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { CallFailure } from '../api/call-failure.ts'
import { failureOf } from '../api/retry.ts'
import type { Logger } from '../logger.ts'
import type { SyncResult } from '../outcome.ts'
import type { AppliedSet } from './applied-set.ts'
import type { RuleState } from './rule-state.ts'
import type { Pace } from './sync-loop.ts'
import { type SyncParts, syncRules, type Wishes } from './sync-rules.ts'

export interface SyncerParts extends SyncParts {
  readonly rules: RuleState
  readonly log: Logger
  readonly intervalMs: number
  readonly onLimits: (limits: ServerLimits) => void
}

/** Syncs one at a time, and knows how the last one went. */
export class Syncer {
  readonly counts = { full: 0, unchanged: 0, failed: 0 }
  readonly #parts: SyncerParts
  #running: Promise<SyncResult> | undefined
  #wishes: Wishes = { nextSyncAfterMs: 0, minSyncIntervalMs: 0, limits: undefined }
  #failure: CallFailure | undefined

  constructor(parts: SyncerParts) {
    this.#parts = parts
  }

  /** Joins the sync that runs already. Never rejects. */
  sync(signal: AbortSignal): Promise<SyncResult> {
    this.#running ??= this.#sync(signal).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  pace(): Pace {
    const { nextSyncAfterMs, minSyncIntervalMs } = this.#wishes
    const retryAfterMs = this.#failure?.retryAfterMs ?? 0
    const fatal = this.#failure?.fatal ?? false
    return { intervalMs: this.#parts.intervalMs, nextSyncAfterMs, minSyncIntervalMs, retryAfterMs, fatal }
  }

  async #sync(signal: AbortSignal): Promise<SyncResult> {
    const { rules } = this.#parts
    const before = rules.held
    try {
      const answer = await syncRules(this.#parts, before?.etag, signal)
      this.#failure = undefined
      if (answer === 'unchanged') {
        this.counts.unchanged++
        rules.succeeded()
      } else {
        this.counts.full++
        this.#apply(answer.applied, answer.wishes)
      }
    } catch (reason) {
      const failure = failureOf(reason)
      // Closing is nobody's failure.
      if (!signal.aborted) this.#fail(failure)
      return { ok: false, changed: false, etag: before?.etag, rules: before?.rules ?? 0, error: failure.message }
    }
    const held = rules.held!
    return { ok: true, changed: held.etag !== before?.etag, etag: held.etag, rules: held.rules, error: undefined }
  }

  #apply(applied: AppliedSet, wishes: Wishes): void {
    const { rules, log, onLimits } = this.#parts
    const before = rules.held
    for (const { rule_id, version, message } of applied.faults) {
      log.warn('rule cannot be used', { rule: rule_id, version, error: message })
    }
    if (applied.paused && !before?.paused) log.warn('all rules are paused by an administrator')
    else if (applied.etag !== before?.etag) log.info('rules in force', { rules: applied.rules, etag: applied.etag })
    this.#wishes = wishes
    if (wishes.limits) onLimits(wishes.limits)
    rules.succeeded(applied)
  }

  #fail(failure: CallFailure): void {
    this.counts.failed++
    this.#failure = failure
    this.#parts.rules.failed(failure.message)
  }
}
