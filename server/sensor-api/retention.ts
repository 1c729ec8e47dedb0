import path from 'node:path'
import type { Clock } from '../../core/lib/clock.ts'
import type { Logger } from '../../core/lib/log.ts'
import type { EventsStore } from '../store/events-store.ts'
import type { StoreHealth } from '../store/store.ts'
import { eventsBound } from './events-bound.ts'

const everyMs = 3_600_000
/** How often the volume is looked at, which may fill between two runs. Milliseconds. */
const lookEveryMs = 10_000

export interface RetentionParts {
  readonly store: Pick<EventsStore, 'prune' | 'size' | 'noteRetention'>
  readonly health: () => StoreHealth
  readonly databaseFile: string
  /** 0: events are kept for ever. */
  readonly keepMs: number
  /** 0: no bound but that of the volume. */
  readonly maxBytes: number
  readonly pruned: (removed: { readonly byAge: number; readonly bySize: number }, nowMs: number) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Removes events that are too old or too many: at the start, then every hour, and at once when they fill their volume;
 * until aborted.
 */
export async function runRetention(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts
  let ranMs = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    const startMs = clock.monotonic()
    try {
      if (await runIfDue(parts, startMs - ranMs >= everyMs, signal)) ranMs = startMs
    } catch (error) {
      if (!signal.aborted) log.error('events not removed', { error })
      ranMs = startMs
    }
    // The only rejection is the abort itself.
    await clock.sleep(lookEveryMs, signal).catch(() => {})
  }
}

/** Whether it ran. */
async function runIfDue(parts: RetentionParts, hourIsOver: boolean, signal: AbortSignal): Promise<boolean> {
  const { store, databaseFile, keepMs, maxBytes, pruned, clock, log } = parts
  const health = parts.health()
  const full = !health.healthy && health.kind === 'disk_full'
  // With any other fault nothing can be removed; the hour waits for it to end.
  if (!health.healthy && !full) return false
  const bound = await eventsBound(path.dirname(databaseFile), await store.size(), maxBytes, full)
  if (bound === undefined || (bound === maxBytes && !full && !hourIsOver)) return false
  const nowMs = clock.now()
  const removed = await store.prune(keepMs === 0 ? 0 : nowMs - keepMs, bound, signal)
  pruned(removed, nowMs)
  // Between two hours it runs only to keep within the volume: of that, only what was removed is news.
  if (hourIsOver || removed.byAge + removed.bySize > 0) {
    await store
      .noteRetention({ keepMs, maxBytes, ...removed })
      .catch(error => log.warn('what the retention did is not noted', { error }))
  }
  if (removed.byAge + removed.bySize > 0) log.info('events removed', { ...removed, full })
  return true
}
