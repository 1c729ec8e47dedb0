import { status } from '@grpc/grpc-js'
import type { Clock } from '../../../../core/lib/clock.ts'
import { seenOf } from '../../../../core/lib/seen.ts'
import {
  type ServerLimits,
  SyncRulesRequest,
  SyncRulesResponse,
} from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { CallFailure } from '../api/call-failure.ts'
import { delayAfter, failureOf, pause } from '../api/retry.ts'
import { durationMs } from '../api/retry-info.ts'
import type { Answer, SensorApi } from '../api/sensor-api.ts'
import { type AppliedSet, appliedSetOf } from './applied-set.ts'

const tryDeadlineMs = 5_000
const totalMs = 10_000
const retryPolicy = { backoffMs: [500, 1_000], maxServerDelayMs: totalMs, whenExhausted: false }

/** What a full answer says beside the rules. */
export interface Wishes {
  readonly nextSyncAfterMs: number
  readonly minSyncIntervalMs: number
  readonly limits: ServerLimits | undefined
}

export type SyncAnswer = { readonly applied: AppliedSet; readonly wishes: Wishes } | 'unchanged'

export interface SyncParts {
  readonly api: SensorApi
  readonly clock: Clock
  readonly random: () => number
  readonly sensorId: string
  readonly tags: readonly string[]
}

/**
 * Asks for the rules of the sensor's tags, again if that can help, within ten seconds. `knownEtag` is of the set that
 * the sensor holds. Throws a CallFailure; then nothing is known, and that set stays.
 */
export async function syncRules(
  { api, clock, random, sensorId, tags }: SyncParts,
  knownEtag: string | undefined,
  signal: AbortSignal,
): Promise<SyncAnswer> {
  const request = requestOf(sensorId, tags)
  const headers: Record<string, string> = knownEtag === undefined ? {} : { 'if-none-match': knownEtag }
  const endMs = clock.monotonic() + totalMs
  for (let tries = 1; ; tries++) {
    try {
      const deadlineMs = Math.min(tryDeadlineMs, endMs - clock.monotonic())
      return answerOf(await api.syncRules(request, { deadlineMs, signal, headers }), knownEtag)
    } catch (reason) {
      const failure = failureOf(reason)
      const delayMs = delayAfter(failure, tries, retryPolicy, random)
      if (signal.aborted || delayMs === undefined || clock.monotonic() + delayMs >= endMs) throw failure
      await pause(clock, delayMs, signal)
    }
  }
}

function requestOf(sensorId: string, tags: readonly string[]): Uint8Array {
  return SyncRulesRequest.encode({
    tags: [...tags],
    sensorId,
    sdk: undefined,
    appliedEtag: '',
    applyError: '',
    applyErrors: [],
    state: 0,
    dropReports: [],
    protocolVersion: 1,
  }).finish()
}

function answerOf({ body, header }: Answer, knownEtag: string | undefined): SyncAnswer {
  const answer = decoded(body)
  if (answer.etag === '') {
    // An empty answer must be about the very set that is held: else "unchanged" and "cut short" look alike.
    if (knownEtag !== undefined && header('x-etag') === knownEtag) return 'unchanged'
    throw unusable(`an answer without an etag, and x-etag is ${header('x-etag') ?? 'not there'}`)
  }
  if (!sendable.test(answer.etag)) throw unusable(`its etag could not be sent back: ${seenOf(answer.etag)}`)
  try {
    return { applied: appliedSetOf(answer), wishes: wishesOf(answer) }
  } catch (reason) {
    throw unusable((reason as Error).message, reason)
  }
}

/** What `if-none-match`, an HTTP header, can carry. */
const sendable = /^[\x21-\x7e]{1,512}$/

function decoded(body: Uint8Array): SyncRulesResponse {
  try {
    return SyncRulesResponse.decode(body)
  } catch (reason) {
    throw unusable(`it cannot be decoded: ${(reason as Error).message}`, reason)
  }
}

const unusable = (why: string, cause?: unknown) =>
  new CallFailure(status.INTERNAL, `syncRules answered what cannot be used: ${why}`, undefined, cause)

function wishesOf({ nextSyncAfter, limits }: SyncRulesResponse): Wishes {
  return {
    nextSyncAfterMs: nextSyncAfter ? durationMs(nextSyncAfter) : 0,
    minSyncIntervalMs: limits?.minSyncInterval ? durationMs(limits.minSyncInterval) : 0,
    limits,
  }
}
