import type { Logger } from './logger.ts'
import type { FailureMode } from './options/options.ts'
import type { SensorState } from './outcome.ts'

/** One line for each change of state. */
export function logState(
  log: Logger,
  mode: FailureMode,
  state: SensorState,
  before: SensorState,
  reason: string,
): void {
  if (state === 'READY') {
    if (before !== 'NOT_READY') log.info('rules can be fetched again')
  } else if (state === 'STALE') {
    log.warn('rules cannot be fetched, those fetched last stay in force', { error: reason })
  } else if (mode === 'fail-closed') {
    log.warn('rules cannot be fetched, every check fails', { error: reason })
  } else if (before === 'NOT_READY') {
    log.warn('Operating without rules (initial sync failed)', { error: reason })
  } else {
    log.warn('Operating without rules (sync failed)', { error: reason })
  }
}
