import { status } from '@grpc/grpc-js'
import type { Clock } from '../../../../core/lib/clock.ts'
import { CallFailure } from './call-failure.ts'

export interface RetryPolicy {
  /** The waits before the second try and those after it, each times 0.5 to 1.5. */
  readonly backoffMs: readonly number[]
  /** A longer wait than this is not waited for, though the server asks for it. */
  readonly maxServerDelayMs: number
  /** Whether a server that is over its limits, and says until when, is asked again. */
  readonly whenExhausted: boolean
}

/**
 * The wait after a failed try, from the first: what the server asks for, else the back-off; undefined when there is to
 * be no other try.
 */
export function delayAfter(
  failure: CallFailure,
  tries: number,
  { backoffMs, maxServerDelayMs, whenExhausted }: RetryPolicy,
  random: () => number,
): number | undefined {
  const backoff = backoffMs[tries - 1]
  const asked = failure.retryAfterMs
  const again = failure.retryable || (whenExhausted && failure.exhausted && asked !== undefined)
  if (backoff === undefined || !again) return undefined
  if (asked === undefined) return backoff * (0.5 + random())
  return asked <= maxServerDelayMs ? asked : undefined
}

/** Resolves after `ms`, or at once when the signal aborts: what is next will see that. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch((reason: unknown) => {
    if (!signal.aborted) throw reason
  })
}

/** Whatever went wrong with a call: a fault of the sensor itself must not break the job either. */
export function failureOf(reason: unknown): CallFailure {
  if (reason instanceof CallFailure) return reason
  const why = reason instanceof Error ? reason.message : String(reason)
  return new CallFailure(status.INTERNAL, `the sensor itself failed: ${why}`, undefined, reason)
}
