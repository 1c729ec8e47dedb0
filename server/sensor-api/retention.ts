import type { Clock } from '../../core/lib/clock.ts'
import type { Logger } from '../../core/lib/log.ts'
import type { EventsStore } from '../store/events-store.ts'

const everyMs = 3_600_000

export interface RetentionParts {
  readonly store: Pick<EventsStore, 'prune'>
  /** 0: events are kept for ever. */
  readonly keepMs: number
  /** 0: no bound. */
  readonly maxBytes: number
  readonly pruned: (removed: { readonly byAge: number; readonly bySize: number }, nowMs: number) => void
  readonly clock: Clock
  readonly log: Logger
}

/** Removes events that are too old or too many: at the start, then every hour, until aborted. */
export async function runRetention(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  const { store, keepMs, maxBytes, pruned, clock, log } = parts
  while (!signal.aborted) {
    try {
      const nowMs = clock.now()
      const removed = await store.prune(keepMs === 0 ? 0 : nowMs - keepMs, maxBytes)
      pruned(removed, nowMs)
      if (removed.byAge + removed.bySize > 0) log.info('events removed', removed)
    } catch (error) {
      if (!signal.aborted) log.error('events not removed', { error })
    }
    // The only rejection is the abort itself.
    await clock.sleep(everyMs, signal).catch(() => {})
  }
}
