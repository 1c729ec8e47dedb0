import type { Outcome } from './outcome.ts'

/** Options that cannot be used; `faults` names every one of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'config'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`the sensor cannot start: ${faults.join('; ')}`)
    this.faults = faults
  }
}

/** A rule with action `fail` matched: the pipeline must stop. The event is already in the buffer. */
export class RuleFailed extends Error {
  override readonly name = 'RuleFailed'
  readonly code = 'rule_failed'
  readonly outcome: Outcome
  /** In a batch: the outcomes up to this record, which is the last of them. */
  readonly outcomes: readonly Outcome[]

  constructor(message: string, outcome: Outcome, outcomes: readonly Outcome[] = [outcome], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.outcome = outcome
    this.outcomes = outcomes
  }
}

/** Failure mode `fail-closed`: no rules could be fetched, so nothing may pass. */
export class SensorOffline extends Error {
  override readonly name = 'SensorOffline'
  readonly code = 'sensor_offline'

  constructor(reason: string) {
    super(`the sensor is offline and its failure mode is fail-closed: ${reason}`)
  }
}

/** The record was checked, but an event of it did not fit into the buffer and is lost. */
export class EventBufferFull extends Error {
  override readonly name = 'EventBufferFull'
  readonly code = 'event_buffer_full'
  readonly outcome: Outcome
  /** In a batch: the outcomes up to this record, which is the last of them. */
  readonly outcomes: readonly Outcome[]

  constructor(outcome: Outcome, outcomes: readonly Outcome[] = [outcome]) {
    super('Event buffer full, flush required')
    this.outcome = outcome
    this.outcomes = outcomes
  }
}

/** The sensor was used after `close()`. */
export class SensorClosed extends Error {
  override readonly name = 'SensorClosed'
  readonly code = 'sensor_closed'

  constructor() {
    super('the sensor is closed')
  }
}
