import type { Clock } from '../../../../core/lib/clock.ts'

/** Whatever the server wishes. Timers cannot wait for more than 24 days, and would not wait at all. */
const longestIntervalMs = 86_400_000
/** After what only a person can mend: a wrong key, a bad tag. */
const fatalIntervalMs = 5 * 60_000

export interface Pace {
  readonly intervalMs: number
  /** Of the server's last full answer. */
  readonly nextSyncAfterMs: number
  readonly minSyncIntervalMs: number
  /** Of the last failure, if it was one. */
  readonly retryAfterMs: number
  readonly fatal: boolean
}

/** Milliseconds to the next sync: 10 % shorter to 10 % longer than the pace, so that sensors do not stay in step. */
export function nextSyncMs(pace: Pace, random: () => number): number {
  const { intervalMs, nextSyncAfterMs, minSyncIntervalMs, retryAfterMs, fatal } = pace
  const baseMs = Math.max(fatal ? fatalIntervalMs : 0, intervalMs, nextSyncAfterMs)
  const jitteredMs = baseMs * (0.9 + 0.2 * random())
  return Math.min(Math.max(jitteredMs, minSyncIntervalMs, retryAfterMs), 1.1 * longestIntervalMs)
}

/** Syncs until the signal aborts; the first time at a random point of one interval. */
export async function runSyncLoop(
  clock: Clock,
  random: () => number,
  pace: () => Pace,
  sync: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const first = pace()
  let delayMs = first.fatal
    ? nextSyncMs(first, random)
    : Math.min(longestIntervalMs, Math.max(first.retryAfterMs, random() * first.intervalMs))
  while (!signal.aborted) {
    // Rejects only on abort, which ends the loop.
    await clock.sleep(delayMs, signal).catch(() => {})
    if (signal.aborted) return
    await sync()
    delayMs = nextSyncMs(pace(), random)
  }
}
