import { SensorOffline } from '../errors.ts'
import type { FailureMode } from '../options/options.ts'
import type { SensorState } from '../outcome.ts'
import type { AppliedSet } from './applied-set.ts'

export interface RuleStateOptions {
  readonly failureMode: FailureMode
  readonly cacheTtlMs: number
  /** Milliseconds that never go back. */
  readonly monotonic: () => number
  readonly onChange: (state: SensorState, before: SensorState, reason: string) => void
}

/** Which rules are in force, by how the syncs went and what the failure mode makes of that. */
export class RuleState {
  readonly #options: RuleStateOptions
  #state: SensorState = 'NOT_READY'
  #held: AppliedSet | undefined
  #succeededMs = 0
  #reason = 'no sync has ended yet'

  constructor(options: RuleStateOptions) {
    this.#options = options
  }

  get state(): SensorState {
    return this.#state
  }

  /** The set fetched last, in force or kept aside: an unchanged answer brings it back. */
  get held(): AppliedSet | undefined {
    return this.#held
  }

  /** The set to check a record with; undefined when records pass unchecked. Throws SensorOffline in `fail-closed`. */
  current(): AppliedSet | undefined {
    if (this.#state === 'READY') return this.#held
    const { failureMode } = this.#options
    if (failureMode === 'fail-closed') throw new SensorOffline(this.#reason)
    if (this.#state === 'STALE' && this.#expired()) this.#become('ERROR', 'the cached rules are too old')
    return this.#state === 'STALE' ? this.#held : undefined
  }

  /** Without a set: the one that is held is the right one still. */
  succeeded(applied = this.#held): void {
    this.#held = applied
    this.#succeededMs = this.#options.monotonic()
    this.#become('READY', '')
  }

  failed(reason: string): void {
    const cached = this.#options.failureMode === 'fail-open-with-cache' && this.#held !== undefined && !this.#expired()
    this.#become(cached ? 'STALE' : 'ERROR', reason)
  }

  #expired(): boolean {
    return this.#options.monotonic() - this.#succeededMs > this.#options.cacheTtlMs
  }

  #become(state: SensorState, reason: string): void {
    const before = this.#state
    this.#state = state
    this.#reason = reason
    if (state !== before) this.#options.onChange(state, before, reason)
  }
}
